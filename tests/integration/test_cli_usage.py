"""byoc without database and broker: its help, and wrong calls."""

import os
import unittest

from cli_case import COMMANDS, CliCase
from sim import TOKEN


class Usage(CliCase):
    # No settings: help and wrong calls need none.
    environment_of_calls = {"PATH": os.environ["PATH"]}

    def test_every_command_has_its_help(self):
        for command, (_, data) in COMMANDS.items():
            for call in ((command, "--help"), (command, "-h"),
                         ("help", command)):
                with self.subTest(call=call):
                    out, said = self.byoc(*call)
                    self.assertIn(f"\nUsage: byoc {command} ", out)
                    self.assertEqual("--output" in out, data)
                    self.assertIn("--help", out)
                    self.assertEqual(said, "")

    def test_the_overview_has_every_command_and_setting(self):
        out, said = self.byoc("--help")
        self.assertEqual(said, "")
        for command in COMMANDS:
            self.assertIn(command.split()[-1], out)
        for name in ("DATABASE_URL", "AMQP_URL", "KEY_DIR"):
            self.assertIn(f"BYOC_{name} ", out)
        for noun in ("credential", "cluster", "dead"):
            of_noun, _ = self.byoc(noun, "--help")
            for command in COMMANDS:
                if command.startswith(noun + " "):
                    self.assertIn(f"\n  {command.split()[1]} ", of_noun)

    def test_no_command_shows_the_help(self):
        for call in ((), ("cluster",), ("credential",), ("dead",)):
            out, said = self.byoc(*call, status=2)
            self.assertEqual(out, "")
            self.assertIn("Usage: byoc", said)

    def test_a_command_that_is_none(self):
        self.assertIn("'clustre'; did you mean 'cluster'",
                      self.wrong("clustre", "list"))
        self.assertIn("'cluster lst'; did you mean 'cluster list'",
                      self.wrong("cluster", "lst"))
        self.assertIn("'list'; did you mean 'cluster list'",
                      self.wrong("list"))
        self.assertNotIn("did you mean", self.wrong("abracadabra"))
        self.assertIn("options come after the command",
                      self.wrong("--output", "json", "cluster", "list"))

    def test_the_version(self):
        for word in ("version", "-V", "--version"):
            self.assertRegex(self.byoc(word)[0], r"^byoc \d+\.\d+\.\d+ \(")

    def test_every_command_refuses_what_it_does_not_know(self):
        for command, (arguments, data) in COMMANDS.items():
            with self.subTest(command=command):
                self.assertIn("no option --bogus here",
                              self.wrong(command, *arguments, "--bogus"))
                self.assertIn("no option -x here",
                              self.wrong(command, *arguments, "-x"))
                if "dead" not in command or "list" in command:
                    self.assertIn("too many", self.wrong(
                        command, *arguments, "word", "word"))
                if data:
                    self.assertIn("want table or json", self.wrong(
                        command, *arguments, "--output", "xml"))
                    self.assertIn("--output wants a value", self.wrong(
                        command, *arguments, "--output"))
                else:
                    self.assertIn("no option --output here", self.wrong(
                        command, *arguments, "--output", "json"))

    def test_every_command_wants_what_it_needs(self):
        for command, (arguments, _) in COMMANDS.items():
            step = 2 if "--name" in arguments else 1
            for i in range(0, len(arguments), step):
                with self.subTest(command=command, without=arguments[i]):
                    left = arguments[:i] + arguments[i + step:]
                    self.assertIn("is missing", self.wrong(command, *left))

    def test_all_that_is_missing_is_named(self):
        self.assertIn("--name NAME, --credential ID, --location PLACE,"
                      " --type TYPE are missing", self.wrong("cluster create"))
        self.assertIn("a name is given with --name",
                      self.wrong("cluster create", "shop"))

    def test_options_that_were_almost_right(self):
        for written, meant in (("--outptu", "--output"), ("--wait", "--watch")):
            self.assertIn(f"no option {written} here; did you mean {meant}?",
                          self.wrong("cluster create", written, "x"))
        self.assertIn("write -o json, or --output=json",
                      self.wrong("cluster list", "-o=json"))

    def test_options_are_written_out_and_given_once(self):
        self.assertIn("did you mean --output", self.wrong(
            "cluster list", "--out", "json"))
        self.assertIn("--name is given twice", self.wrong(
            "credential add", "--name", "a", "--name", "b"))

    def test_values_are_checked(self):
        create, (arguments, _) = "cluster create", COMMANDS["cluster create"]
        for option, value, piece in (
                ("--location", "moon", "want fsn1, nbg1, hel1"),
                ("--type", "tiny", "want dedicated or dedicated_ha"),
                ("--type", "development", "not BYOC"),
                ("--name", "Shop", "want 1 to 63 of a-z"),
                ("--name", "-shop", "want 1 to 63 of a-z"),
                ("--name", "s" * 64, "want 1 to 63 of a-z"),
                ("--workers", "91", "a network at Hetzner takes 100 servers"),
                ("--workers", "-1", "want 0 to 90"),
                ("--workers", "two", "want 0 to 90"),
                ("--pod-security", "some", "privileged, baseline or restr"),
                ("--ingress", "nginx", "want none or traefik"),
                ("--api-from", "home", "want a network such as"),
                ("--server-type", "", "want 1 to 31 of a-z, 0-9"),
                ("--server-type", "cx 22", "want 1 to 31 of a-z, 0-9"),
                ("--ssh-from", "10.0.0.1/8", "did you mean 10.0.0.0/8?"),
                ("--ssh-from", "home", "want a network such as")):
            with self.subTest(option=option, value=value):
                kept = [word for i, word in enumerate(arguments)
                        if option not in (word, arguments[i - 1])]
                self.assertIn(piece, self.wrong(create, *kept, option, value))
        self.assertIn("want 1 to 63 characters", self.wrong(
            "credential add", "--name", "two\nlines"))
        self.assertIn("want a number from 1 to 24, in hours", self.wrong(
            "cluster kubeconfig", "x", "--lifetime", "0"))
        self.assertIn("want a number from 1 to 1200", self.wrong(
            "migrate", "--keep-events", "0"))
        self.assertIn("want a pattern of routing keys", self.wrong(
            "topology", "--consumer", "a", "--bind", "a b"))
        self.assertIn("want 1 to 63 of a-z", self.wrong(
            "topology", "--consumer", "a.b"))
        self.assertIn("--bind wants --consumer NAME, too",
                      self.wrong("topology", "--bind", "#"))
        self.assertIn("want a number from 1 to 1000000, or default", self.wrong(
            "credential limits", "x", "--jobs", "0"))
        self.assertIn("want a number from 1 to 86400", self.wrong(
            "credential validate", "x", "--wait", "--timeout", "0"))

    def test_a_token_in_the_wrong_place_is_not_repeated(self):
        add = ("credential add", "--name", "a")
        for words in (("--token", TOKEN), (f"--token={TOKEN}",), (TOKEN,),
                      ("--password", TOKEN), (f"--password={TOKEN}",)):
            self.wrong(*add, *words)  # which looks for the token
        self.assertIn("standard input", self.wrong(*add, TOKEN))
        self.assertIn("standard input",
                      self.wrong("credential rotate", "a", TOKEN))

    def test_as_many_words_as_are_wanted(self):
        self.assertIn("ID FILE: one is missing",
                      self.wrong("credential recipient", "x"))
        self.assertIn("'more' is one word too many",
                      self.wrong("credential recipient", "x", "y", "more"))

    def test_missing_settings_are_named_all_at_once(self):
        wanted = {
            "migrate": "D", "topology": "A", "status": "DA",
            "credential add": "DK", "credential rotate": "DK",
            "credential list": "D", "cluster list": "D",
            "cluster kubeconfig": "DK", "cluster ssh-key": "DK",
            "dead list": "A"}
        names = {"D": "DATABASE_URL", "A": "AMQP_URL", "K": "KEY_DIR"}
        for command, letters in wanted.items():
            with self.subTest(command=command):
                out, said = self.byoc(command, *COMMANDS[command][0], status=1)
                self.assertEqual(out, "")
                lines = said.splitlines()
                self.assertEqual(len(lines), len(letters))
                for letter, line in zip(letters, sorted(
                        lines, key=lambda line: "DAK".index(
                            line.removeprefix("byoc: BYOC_")[0]))):
                    self.assertRegex(
                        line, f"^byoc: BYOC_{names[letter]} is not set: .")

    def test_settings_that_make_no_sense(self):
        self.assertIn("BYOC_DATABASE_URL_FILE: cannot read /nowhere",
                      self.refused("cluster list", environment={
                          "BYOC_DATABASE_URL_FILE": "/nowhere"}))
        self.assertIn("BYOC_DATABASE_URL is not a libpq URI", self.refused(
            "migrate", environment={"BYOC_DATABASE_URL": f"x:{TOKEN}"}))
        self.assertIn("not like amqp://", self.refused(
            "topology", environment={"BYOC_AMQP_URL": f"http://{TOKEN}"}))


if __name__ == "__main__":
    unittest.main()
