"""A program on a terminal of its own, as a person has one."""

import codecs
import fcntl
import os
import pty
import select
import struct
import termios
import time

PATIENCE = 60


class Terminal:
    def __init__(self, *command, environment, columns=80, rows=24):
        self.said = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, environment)
        self.resize(columns, rows)

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.file, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.file, text.encode())

    def read(self, seconds):
        """Something more, if it comes in time; false at the end."""
        if not select.select([self.file], [], [], seconds)[0]:
            return True
        try:
            more = os.read(self.file, 65536)
        except OSError:  # nobody is there any more
            return False
        self.said += self.decode(more)
        return bool(more)

    def until(self, found):
        """Reads until `found(all that was said)`, and gives that."""
        end = time.monotonic() + PATIENCE
        while not (answer := found(self.said)):
            if time.monotonic() > end or not self.read(0.1):
                raise AssertionError(f"what was said: {self.said!r}")
        return answer

    def wait(self):
        """All that it says until it ends, and how it ends."""
        end = time.monotonic() + PATIENCE
        while self.read(0.1):
            if time.monotonic() > end:
                raise AssertionError(f"it goes on: {self.said!r}")
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self.process = None
        return self.said, status

    def stop(self):
        if self.process:
            os.kill(self.process, 9)
            os.waitpid(self.process, 0)
        os.close(self.file)


class Screen:
    """What stands there after all that was said: as much of a terminal as
    programs need that write text in place."""

    def __init__(self, columns=80, rows=24):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [""], 0, 0

    def feed(self, text):
        i = 0
        while i < len(text):
            if text.startswith("\033[", i):
                end = next(k for k in range(i + 2, len(text))
                           if text[k].isalpha())
                self.control(text[i + 2:end], text[end])
                i = end + 1
            else:
                self.put(text[i])
                i += 1
        return self

    def control(self, number, what):
        if what == "A":
            self.row = max(0, self.row - int(number or 1))
        elif what == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif what == "J":
            del self.lines[self.row + 1:]
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif what not in "mhl":
            raise AssertionError(f"control sequence {number}{what}")

    def put(self, letter):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.down()
        else:
            if self.column == self.columns:
                self.down()
                self.column = 0
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = (line[:self.column] + letter +
                                    line[self.column + 1:])
            self.column += 1

    def down(self):
        self.row += 1
        while len(self.lines) <= self.row:
            self.lines.append("")

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)
