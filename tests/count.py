"""Counts test cases in JUnit files of ctest, where one entry is a whole
program, and prints "N passed, N failed, N skipped". What a later file tells of
an entry replaces what an earlier one did; entries that failed there and pass
now are named.

A program's own summary is believed only as far as ctest agrees: without one,
or when the program failed for another reason, the program itself counts.
"""

import re
import sys
import xml.etree.ElementTree

CRITERION = re.compile(
    r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+)"
    r" \| Crashing: (\d+)")
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?$",
                      re.MULTILINE)
# Not tests, but what tests need: they count only when they fail.
FIXTURES = ("services_start", "services_stop")


def criterion(output):
    found = CRITERION.findall(output)
    if not found:
        return None
    tested, passing, failing, crashing = map(int, found[-1])
    return passing, failing + crashing, tested - passing - failing - crashing


def unittest(output):
    found = UNITTEST.findall(output)
    if not found:
        return None
    ran, _, words = found[-1]
    detail = dict(re.findall(r"(\w+)=(\d+)", words))
    failed = int(detail.get("failures", 0)) + int(detail.get("errors", 0))
    skipped = int(detail.get("skipped", 0))
    # Errors of a whole class are not among the tests that ran.
    return max(int(ran) - failed - skipped, 0), failed, skipped


def count(case):
    """(passed, failed, skipped) of one entry."""
    name, status = case.get("name"), case.get("status")
    output = case.findtext("system-out") or ""
    if name in FIXTURES:
        return 0, int(status == "fail"), 0
    if status not in ("run", "fail"):
        return 0, 0, 1
    counts = criterion(output) or unittest(output)
    if counts is None:
        return int(status == "run"), int(status == "fail"), 0
    passed, failed, skipped = counts
    if status == "fail" and failed == 0:
        failed = 1
    return passed, failed, skipped


def main(paths):
    entries = {}
    flaky = []
    for path in paths:
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            name = case.get("name")
            before, entries[name] = entries.get(name), count(case)
            if before and before[1] and not entries[name][1]:
                flaky.append(name)
    passed, failed, skipped = map(sum, zip(*entries.values(), (0, 0, 0)))
    line = f"{passed} passed, {failed} failed"
    line += f", {skipped} skipped" if skipped else ""
    print(line + (f" (passed alone only: {', '.join(flaky)})" if flaky else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
