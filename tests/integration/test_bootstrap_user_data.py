"""What user_data says, read by the tools that will read it on a server:
cloud-init, shellcheck, systemd, sshd and apt."""

import itertools
import os
import tempfile
import unittest

import yaml

from bootstrap_helpers import (LOCATIONS, SERVERS, UserDataTest, require, run,
                               user_data)

LIMIT = 32 * 1024


class CloudInitTest(UserDataTest):
    def test_cloud_init_accepts_every_server_in_every_location(self):
        require("cloud-init")
        checked = set()
        for server, location in itertools.product(SERVERS, LOCATIONS):
            with self.subTest(server=server, location=location):
                text = user_data(self.keys, *server, location=location)
                self.assertTrue(text.startswith("#cloud-config\n"))
                self.assertLessEqual(len(text.encode()), LIMIT)
                if text in checked:  # not every server knows its location
                    continue
                checked.add(text)
                result = run("cloud-init", "schema", "--config-file",
                             self.put("user_data.yaml", text))
                self.assertIn("Valid cloud-config", result.stdout)

    def test_there_is_room_to_spare_without_compressing(self):
        for server, text in self.texts.items():
            self.assertLess(len(text), LIMIT * 4 // 5, server)

    def test_files_that_hold_secrets_are_the_owners_only(self):
        secrets = [self.keys.read("join_token"), "K10", "agent-token:",
                   "0123456789abcdefghijkl", "PRIVATE KEY"]
        for server, path, entry in self.each_file():
            if any(secret in entry["content"] for secret in secrets):
                self.assertEqual(entry.get("permissions"), "0600", (server, path))

    def test_nothing_has_to_be_decoded_and_nothing_is_deferred(self):
        """Files are there before the first command runs."""
        for server, path, entry in self.each_file():
            self.assertFalse({"encoding", "defer", "append"} & set(entry),
                             (server, path))


class ScriptsTest(UserDataTest):
    def test_shellcheck_passes_every_script(self):
        require("shellcheck")
        seen = set()
        for _, path, entry in self.each_file():
            if entry["content"].startswith("#!"):
                seen.add(path)
                self.assertEqual(entry["permissions"], "0755")
                run("shellcheck", self.put("script.sh", entry["content"]))
        self.assertEqual(seen, {"/usr/local/sbin/mengi-certificates",
                                "/usr/local/sbin/mengi-nat-gateway",
                                "/usr/local/sbin/mengi-node"})

    def test_shellcheck_passes_the_first_boots_commands(self):
        require("shellcheck")
        for server, text in self.texts.items():
            with self.subTest(server=server):
                config = yaml.safe_load(text)
                commands = config["bootcmd"] + config["runcmd"]
                self.assertTrue(all(isinstance(c, str) for c in commands))
                script = "#!/bin/sh\n" + "\n".join(commands) + "\n"
                run("shellcheck", self.put("runcmd.sh", script))

    def test_scripts_come_through_unchanged(self):
        source = os.path.join(os.path.dirname(__file__), "..", "..", "src",
                              "bootstrap")
        for server, path, name in (
                (("single", "gateway", 0), "mengi-nat-gateway", "nat-gateway.sh"),
                (("single", "worker", 0), "mengi-node", "node.sh"),
                (("single", "worker", 0), "mengi-certificates",
                 "certificates.sh")):
            with open(os.path.join(source, name), encoding="ascii") as file:
                self.assertEqual(self.content(server, f"/usr/local/sbin/{path}"),
                                 file.read())

    def test_every_program_that_a_unit_starts_is_there(self):
        for server, path, entry in self.each_file():
            if not path.endswith(".service"):
                continue
            lines = dict(line.split("=", 1) for line in
                         entry["content"].splitlines() if "=" in line)
            program = lines["ExecStart"].split()[0]
            if program != "/usr/sbin/nft":
                self.assertIn(program, self.files(*server))

    def test_systemd_understands_every_unit(self):
        require("systemd-analyze")
        for server in SERVERS:
            units = []
            for path, entry in self.files(*server).items():
                if path.endswith((".service", ".timer")):
                    # The programs are not on this machine, but in user_data.
                    text = entry["content"].replace("/usr/local/sbin/mengi-",
                                                    "/bin/true ")
                    text = text.replace("/usr/sbin/nft", "/bin/true")
                    units.append(self.put(os.path.basename(path), text))
            self.assertTrue(units)
            with self.subTest(server=server):
                result = run("systemd-analyze", "verify", "--man=no",
                             "--recursive-errors=no", *units)
                complaints = [line for line in result.stdout.splitlines()
                              if "mengi" in line]
                self.assertEqual(complaints, [])


class EveryServerTest(UserDataTest):
    def test_the_images_dhcp_client_is_masked_before_it_may_start(self):
        """bootcmd runs before network-online.target, runcmd after it."""
        for server, text in self.texts.items():
            commands = yaml.safe_load(text)["bootcmd"]
            self.assertEqual(commands[0], "systemctl mask hc-net-ifup@.service "
                             "hc-net-scan.service", server)

    def test_systemd_takes_the_masks_for_masks(self):
        require("systemctl")
        for server, text in self.texts.items():
            root = tempfile.mkdtemp(dir=self.folder)
            units = os.path.join(root, "lib/systemd/system")
            os.makedirs(units)
            for unit in ("hc-net-ifup@.service", "hc-net-scan.service"):
                with open(f"{units}/{unit}", "w", encoding="ascii") as file:
                    file.write("[Service]\nExecStart=/sbin/dhclient\n")
            mask = yaml.safe_load(text)["bootcmd"][0].split()
            run(mask[0], "--root", root, *mask[1:])
            for unit in ("hc-net-ifup@enp7s0.service", "hc-net-scan.service"):
                state = run("systemctl", "--root", root, "is-enabled", unit,
                            check=False).stdout
                self.assertEqual(state, "masked\n", (server, unit))

    def test_the_journal_is_bounded(self):
        for server in SERVERS:
            self.assertIn("SystemMaxUse=500M\n", self.content(
                server, "/etc/systemd/journald.conf.d/60-mengi.conf"))


class GatewayTest(UserDataTest):
    SERVER = ("single", "gateway", 0)

    def test_sshd_takes_keys_only(self):
        require("ssh-keygen")
        host_key = os.path.join(self.folder, "host_key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key)
        config = self.put("sshd_config", self.content(
            self.SERVER, "/etc/ssh/sshd_config.d/10-mengi.conf"))
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        effective = run("/usr/sbin/sshd", "-T", "-f", config, "-h",
                        host_key).stdout.splitlines()
        for line in ("authenticationmethods publickey",
                     "passwordauthentication no",
                     "kbdinteractiveauthentication no",
                     "permitrootlogin without-password",
                     "allowtcpforwarding yes"):  # to jump to the nodes
            self.assertIn(line, effective)
        self.assertIs(yaml.safe_load(self.texts[self.SERVER])["ssh_pwauth"], False)

    def test_apt_installs_security_upgrades_by_itself(self):
        require("apt-config")
        config = self.put("apt.conf", self.content(
            self.SERVER, "/etc/apt/apt.conf.d/52mengi-security-upgrades"))
        dump = run("apt-config", "dump", env={**os.environ, "APT_CONFIG": config})
        self.assertIn('APT::Periodic::Update-Package-Lists "1";', dump.stdout)
        self.assertIn('APT::Periodic::Unattended-Upgrade "1";', dump.stdout)
        self.assertIn('Unattended-Upgrade::Automatic-Reboot "true";', dump.stdout)
        self.assertRegex(dump.stdout, r'Automatic-Reboot-Time "0[2-4]:[0-5]\d";')

    def test_remembers_connections_enough(self):
        """The settings exist only once the module is there."""
        self.assertEqual(self.content(self.SERVER,
                                      "/etc/modules-load.d/mengi-nat.conf"),
                         "nf_conntrack\n")
        settings = self.content(self.SERVER, "/etc/sysctl.d/60-mengi-nat.conf")
        self.assertIn("net.netfilter.nf_conntrack_max = 262144\n", settings)
        commands = yaml.safe_load(self.texts[self.SERVER])["runcmd"]
        self.assertIn("systemctl restart systemd-modules-load.service "
                      "systemd-sysctl.service", commands)

    def test_masquerading_comes_back_at_every_boot(self):
        unit = self.content(
            self.SERVER, "/etc/systemd/system/mengi-nat-gateway.service")
        self.assertIn("WantedBy=multi-user.target", unit)
        self.assertIn("ExecStart=/usr/local/sbin/mengi-nat-gateway 10.0.0.0/16 nowhere\n",
                      unit)
        commands = yaml.safe_load(self.texts[self.SERVER])["runcmd"]
        self.assertIn("systemctl enable --now mengi-nat-gateway.service", commands)

    def test_holds_no_secret(self):
        text = self.texts[self.SERVER]
        self.assertNotIn(self.keys.read("join_token"), text)
        self.assertNotIn("BEGIN", text)


if __name__ == "__main__":
    unittest.main()
