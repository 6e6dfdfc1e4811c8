# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""checks.txt: what is run in every guest. Read on both sides."""
import dataclasses
import re
import shlex
import subprocess

KINDS = {"workload", "attach", "live", "scenario", "torture", "programs", "oom", "refused", "shell"}
SETTINGS = {"thp", "memory", "unattributed", "from", "stacks", "budget"}


@dataclasses.dataclass
class Check:
    kind: str
    what: list  # words: a program of tests/workload, or options
    settings: dict

    @property
    def name(self):
        given = [f"{key}={value}" for key, value in self.settings.items() if key in ("thp", "memory", "budget")]
        return " ".join([self.kind, *self.what, *given])

    def bytes_of(self, setting):
        """Its size in bytes; 0 when it is not given."""
        given = self.settings.get(setting, "0")
        return int(given.rstrip("KM")) << {"K": 10, "M": 20}.get(given[-1], 0)

    @property
    def folder(self):
        return re.sub(r"[^\w.=-]+", "_", self.name)[:100]

    def too_old(self, release):
        """Why it is not run on this kernel; '' if it is."""
        wanted = self.settings.get("from")
        if wanted and version_of(release) < version_of(wanted):
            return f"from Linux {wanted}"
        return ""


def expand(text, scenarios):
    """The text with a line for each scenario that its `scenario *` stands for and it does not name. @scenarios: the program."""
    named = re.findall(r"^scenario (\w+)", text, re.M)
    listed = subprocess.run([scenarios, "--list"], capture_output=True, text=True, check=True).stdout.split()
    return text.replace("scenario *", "\n".join(f"scenario {name}" for name in listed if name not in named))


def version_of(release):
    return tuple(int(number) for number in re.findall(r"\d+", release)[:2])


def parse(text):
    """[Check] of the lines; an unknown kind or setting is a ValueError."""
    found = []
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "shell":  # of check_vm.py --run: a look around, no check
            found.append(Check("shell", words[1:], {}))
            continue
        settings = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        if words[0] not in KINDS or set(settings) - SETTINGS:
            raise ValueError(f"checks.txt: '{line}' is no check")
        found.append(Check(words[0], [word for word in words[1:] if "=" not in word], settings))
    return found
