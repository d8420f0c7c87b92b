"""What is installed where, the unit's hardening, and the Debian package."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from terminal import Terminal

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"  # as users build it
UNIT = "usr/lib/systemd/system/byoc-worker.service"
EXPOSURE_MOST = 2.0
INSTALLED = {"usr/bin/byoc", "usr/bin/byoc-worker", UNIT,
             "usr/share/man/man1/byoc.1",
             "usr/share/bash-completion/completions/byoc",
             "usr/share/zsh/vendor-completions/_byoc",
             "usr/share/fish/vendor_completions.d/byoc.fish",
             "usr/lib/sysusers.d/byoc.conf", "usr/share/byoc/definitions.json",
             "usr/share/byoc/roles.sql", "usr/share/doc/byoc/README.md",
             "usr/share/doc/byoc/copyright"}


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), capture_output=True,
                          text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (BUILD / "bin" / "byoc-worker").exists():
            raise unittest.SkipTest("there is no release build")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name, "root")
        cls.packages = pathlib.Path(folder.name, "packages")
        run("cmake", "--install", BUILD, "--strip", "--prefix",
            cls.root / "usr")

    def test_everything_is_installed(self):
        found = {str(path.relative_to(self.root))
                 for path in self.root.rglob("*") if path.is_file()}
        self.assertEqual(found, INSTALLED)

    def test_programs_say_their_version_and_commit(self):
        for name in ("byoc", "byoc-worker"):
            self.assertRegex(
                run(self.root / "usr" / "bin" / name, "--version"),
                rf"^{name} \d+\.\d+\.\d+ "
                r"\(([0-9a-f]{12}(, changed)?|of unknown commit)\)\n$")

    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.root / "usr/share/bash-completion/completions/byoc"
        words = " ".join(f"'{word}'" for word in ("byoc", *words))
        return run("bash", "-euc", f". {script}; COMP_WORDS=({words});"
                   " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _byoc;"
                   ' printf "%s\n" "${COMPREPLY[@]}"').split()

    def test_the_shell_completes(self):
        self.assertIn("cluster", self.complete("cl"))
        self.assertIn("status", self.complete(""))
        self.assertEqual(self.complete("cluster", "cr"), ["create"])
        self.assertEqual(self.complete("cluster", "create", "--work"),
                         ["--workers"])
        self.assertEqual(self.complete("events", "--fo"), ["--follow"])
        self.assertNotIn("--workers", self.complete("cluster", "show", "--"))

    def complete_in_fish(self, line):
        script = self.root / "usr/share/fish/vendor_completions.d/byoc.fish"
        said = run("fish", "--no-config", "--command",
                   f"source {script}; complete --do-complete 'byoc {line}'",
                   HOME=str(self.root))
        return [offer.split("\t")[0] for offer in said.splitlines()]

    def test_fish_completes(self):
        if not shutil.which("fish"):
            self.skipTest("there is no fish")
        self.assertLessEqual({"cluster", "status"},
                             set(self.complete_in_fish("")))
        self.assertEqual(self.complete_in_fish("cluster cr"), ["create"])
        self.assertEqual(self.complete_in_fish("cluster create --work"),
                         ["--workers"])
        self.assertNotIn("--workers", self.complete_in_fish("cluster show --"))
        self.assertNotIn("create", self.complete_in_fish("dead "))

    def test_zsh_completes(self):
        """At a prompt: zsh's completion is its line editor's."""
        if not shutil.which("zsh"):
            self.skipTest("there is no zsh")
        folder = self.root / "usr/share/zsh/vendor-completions"
        zsh = Terminal("zsh", "-f", "-i", environment={
            "PATH": os.environ["PATH"], "HOME": str(self.root),
            "TERM": "dumb", "PS1": "> "})
        self.addCleanup(zsh.stop)
        zsh.until(lambda said: "> " in said)
        zsh.type(f"fpath=({folder} $fpath); autoload -U compinit;"
                 " compinit -u -D; PS1='re''ady> '\n")
        for line, whole in (("cl", "cluster"), ("statu", "status"),
                            ("cluster cr", "cluster create"),
                            ("events --fo", "events --follow"),
                            ("cluster create --work",
                             "cluster create --workers")):
            zsh.until(lambda said: "ready> " in said)
            zsh.said = ""
            # The line goes between quotes, and is printed.
            zsh.type(f"byoc {line}\t\x01: '\x05'; print -r \"<$_>\"\n")
            self.assertEqual(zsh.until(lambda said: re.search(
                r"\n<byoc (.*?) ?>\r", said))[1], whole)

    def test_the_manual_has_every_command(self):
        page = self.root / "usr/share/man/man1/byoc.1"
        shown = run("man", "--warnings", "--encoding=utf8", page,
                    MANWIDTH="100", LC_ALL="C.UTF-8")
        for text in ("byoc cluster create", "--workers N", "byoc audit",
                     "BYOC_DATABASE_URL"):
            self.assertIn(text, shown)
        self.assertNotIn("warning", shown.split("NAME")[0])

    def test_the_unit_exposes_little(self):
        said = run("systemd-analyze", "security", "--offline=true",
                   f"--threshold={int(EXPOSURE_MOST * 10)}", self.root / UNIT)
        exposure = float(re.search(r"exposure level .*: ([\d.]+)", said)[1])
        print(f"exposure {exposure} ...", end=" ")
        self.assertLess(exposure, EXPOSURE_MOST)

    def test_the_unit_has_no_mistakes(self):
        """What systemd does not know it only warns of."""
        text = (self.root / UNIT).read_text()
        unit = self.root / UNIT
        unit.write_text(text.replace("/usr/bin/", f"{self.root}/usr/bin/"))
        self.addCleanup(unit.write_text, text)
        said = run("systemd-analyze", "verify", "--man=no", unit)
        self.assertNotIn("byoc-worker", said)

    def test_the_debian_package(self):
        run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B",
            self.packages)
        [package] = self.packages.glob("*.deb")
        fields = run("dpkg-deb", "--field", package)
        for needed in ("libpq5", "librabbitmq4", "libcurl4", "libsodium23",
                       "libsmartcols1", "ca-certificates"):
            self.assertIn(needed, fields)
        files = {line.split()[-1].removeprefix("./") for line in run(
            "dpkg-deb", "--contents", package).splitlines()}
        self.assertEqual({name for name in files if not name.endswith("/")},
                         INSTALLED)
        self.assertIn("systemd-sysusers byoc.conf",
                      run("dpkg-deb", "--info", package, "postinst"))


if __name__ == "__main__":
    unittest.main()
