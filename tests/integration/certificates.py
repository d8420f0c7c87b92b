"""Certificates as the tests need them, made by openssl: good, expired, or for
somebody else."""

import pathlib
import subprocess

HERE = "DNS:localhost,IP:127.0.0.1"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Authority:
    """Signs certificates; `file` is what its clients trust."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder)
        self.file = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2,
                "-subj", f"/CN={name}", "-keyout", self.key,
                "-out", self.file)

    def sign(self, name, names=HERE, days=2):
        """Files of a certificate for a server and of its key; one that ended
        `days` ago when that is negative."""
        certificate = self.folder / f"{name}.pem"
        key = self.folder / f"{name}.key"
        request = self.folder / f"{name}.csr"
        extension = self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-days", days,
                "-CAcreateserial", "-CA", self.file, "-CAkey", self.key,
                "-extfile", extension, "-out", certificate)
        return certificate, key
