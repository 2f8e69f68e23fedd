#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests of the guest programs that need no GPU: usage, skips, the line protocol, the watchdog.

test_protocol.py DIR    DIR: where `make` put the programs and the test programs
"""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = Path(os.environ.get("OUT", "."))


def states():
    """Names of all states, as the Makefile lists them."""
    make = ["make", "-s", "-C", str(HERE.parent), "list"]
    env = {k: v for k, v in os.environ.items() if k != "MAKEFLAGS"}  # a caller's flags may make it talk
    return subprocess.run(make, check=True, capture_output=True, text=True, env=env).stdout.split()


def run(name, *args, commands=()):
    """Run a program with the commands as its stdin; returns the finished process."""
    text = "".join(c + "\n" for c in commands)
    return subprocess.run([OUT / name, *args], input=text, capture_output=True, text=True, timeout=30)


def frame(*args, commands=()):
    return run("obj/frame", "--device", "x", *args, commands=commands)


def facts(line, word):
    """The JSON of an answer line that starts with word."""
    head, _, rest = line.partition(" ")
    assert head == word, line
    return json.loads(rest)


class Usage(unittest.TestCase):
    def usage(self, name, *args):
        p = run(name, *args)
        self.assertEqual(p.returncode, 2, p)
        self.assertEqual(p.stdout, "")
        self.assertEqual(p.stderr.count("\n"), 1, p.stderr)
        self.assertTrue(p.stderr.startswith(name.split("/")[-1] + ": "))
        return p.stderr

    def test_every_state_wants_a_device(self):
        for name in states():
            with self.subTest(name):
                self.assertIn("no --device", self.usage(name))
                self.assertIn("no --device", self.usage(name, "--device", ""))

    def test_bad_options(self):
        for args, text in (
            (["--device"], "--device needs a value"),
            (["--device", "x", "--count"], "--count needs a value"),
            (["--device", "x", "--frobnicate", "1"], 'unknown option "--frobnicate"'),
            (["x"], 'unexpected "x"'),
            (["--device", "x", "--watchdog", "0"], "not a number from 1"),
            (["--device", "x", "--bo-size", "4095"], "not a number from 4096"),
            (["--device", "x", "--bo-size", "4Q"], "not a number"),
            (["--device", "x", "--bo-size", "99999999999999999999"], "not a number"),
            (["--device", "x", "--bo-size", "17179869184G"], "not a number"),
            (["--device", "x", "--bo-size", "4097"], "not a number from 4096 to 2097152, whole pages"),
            (["--device", "x", "--count", "-1"], "not a number"),
            (["--device", "x", "--count", " 1"], "not a number"),
            (["--device", "x", "--count", ""], "not a number"),
        ):
            with self.subTest(args):
                self.assertIn(text, self.usage("many-bos", *args))

    def test_sizes_are_whole_pages(self):
        sizes = [(name, option) for name in states()
                 for option in re.findall(r"^  --(\w+-size) ", run(name, "--help").stdout, re.M)]
        self.assertIn(("userptr", "userptr-size"), sizes)
        for name, option in sizes:
            with self.subTest(name, option=option):
                text = self.usage(name, "--device", "/dev/null", f"--{option}", "5000")
                self.assertIn(f'--{option} "5000" is not a number', text)
        self.assertEqual(frame("--bytes", "1M", commands=["exit"]).returncode, 0)

    def test_option_that_is_wrong_on_this_machine(self):
        p = frame("--misuse-setup", "1", commands=["verify"])
        self.assertEqual((p.returncode, p.stdout), (2, ""))
        self.assertTrue(p.stderr.startswith("frame: not so, on x; usage: frame --device"), p.stderr)

    def test_it_waits_before_an_ioctl(self):
        p = frame("--pause-at", "2", commands=("go", "verify", "exit"))
        lines = p.stdout.splitlines()
        self.assertEqual((lines[0], p.returncode), ("boundary 2", 0))
        self.assertEqual(facts(lines[1], "held")["ioctls"], 3)
        self.assertEqual(facts(lines[2], "ok")["ioctls"], 3)
        self.assertTrue(frame("--pause-at", "4", commands=("exit",)).stdout.startswith("held"))

    def test_help(self):
        for name in states():
            with self.subTest(name):
                p = run(name, "--help")
                self.assertEqual(p.returncode, 0)
                self.assertTrue(p.stdout.startswith(name + ": "))
                self.assertIn("--device", p.stdout)


class NoDevice(unittest.TestCase):
    def skip(self, name, device, text):
        p = run(name, "--device", device, commands=["verify", "exit"])
        self.assertEqual(p.returncode, 77, p)
        self.assertTrue(p.stdout.startswith("skip "), p.stdout)
        self.assertEqual(p.stdout.count("\n"), 1)
        self.assertIn(text, p.stdout)

    def test_every_state_skips(self):
        for name in states():
            with self.subTest(name):
                self.skip(name, "/nonexistent/renderD128", "No such file")
                self.skip(name, "/dev/null", "not a DRM device")


class Protocol(unittest.TestCase):
    def test_good_run(self):
        p = frame(commands=["verify", "gone", "munmap", "close", "close", "exit", "verify"])
        lines = p.stdout.splitlines()
        self.assertEqual(p.returncode, 0, p)
        self.assertEqual(len(lines), 7)  # nothing after exit
        held = facts(lines[0], "held")
        self.assertEqual(held["fact"], 1)
        self.assertEqual(held["text"], "a ?quoted? ? ? line")
        self.assertIn("setup_ms", held)
        for line in lines[1:]:
            facts(line, "ok")
        self.assertEqual(facts(lines[5], "ok")["already_closed"], 1)

    def test_end_of_stdin_is_exit(self):
        p = frame(commands=["verify"])
        self.assertEqual((p.returncode, p.stdout.count("\n")), (0, 2))

    def test_empty_lines_and_carriage_returns(self):
        p = frame(commands=["", "verify\r", "exit"])
        self.assertEqual((p.returncode, p.stdout.count("\n")), (0, 3))

    def test_setup_fails(self):
        p = frame("--fail-setup", "2", commands=["verify"])
        self.assertEqual(p.returncode, 1)
        self.assertEqual(p.stdout, "fail number 0: ENODEV (No such device); "
                                   "number 1: ENODEV (No such device)\n")

    def test_setup_skips(self):
        p = frame("--skip-setup", "1")
        self.assertEqual((p.returncode, p.stdout), (77, "skip as asked, x\n"))

    def test_failed_check_goes_on_and_decides_the_status(self):
        p = frame("--fail-verify", "2", commands=["verify", "gone", "exit"])
        lines = p.stdout.splitlines()
        self.assertEqual(p.returncode, 1)
        self.assertEqual(lines[1], "fail always the same")  # said once
        facts(lines[2], "ok")

    def test_unknown_command(self):
        p = frame(commands=["frobnicate", "verify", "exit"])
        lines = p.stdout.splitlines()
        self.assertEqual(p.returncode, 2)
        self.assertEqual(lines[1], 'fail unknown command "frobnicate"')
        facts(lines[2], "ok")

    def test_nothing_after_close(self):
        p = frame(commands=["close", "gone", "exit"])
        self.assertEqual(p.returncode, 2)
        self.assertEqual(p.stdout.splitlines()[2], "fail gone after close")

    def test_watchdog(self):
        p = frame("--watchdog", "1", "--sleep-gone", "20K", commands=["verify", "gone", "verify"])
        self.assertEqual(p.returncode, 1)
        self.assertEqual(p.stdout.splitlines()[2:], ["fail watchdog: long sleep takes too long"])

    def test_waiting_for_a_command_is_no_step(self):
        with subprocess.Popen([OUT / "obj/frame", "--device", "x", "--watchdog", "1"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            facts(p.stdout.readline(), "held")
            with self.assertRaises(subprocess.TimeoutExpired):
                p.wait(1.5)
            p.stdin.write("verify\n")
            p.stdin.flush()
            facts(p.stdout.readline(), "ok")
            p.stdin.close()
            self.assertEqual(p.wait(5), 0)


class Igt(unittest.TestCase):
    """The test in IGT's style: what a runner asks of it before it runs anything."""

    def igt(self, *args):
        return run("igt/xe_hotunplug_held", *args)

    def test_list(self):
        p = self.igt("--list-subtests")
        names = p.stdout.split()
        self.assertEqual(p.returncode, 0)
        self.assertEqual(len(names), len(set(names)))
        for state in states():
            self.assertIn(f"{state}-unbind", names)
            self.assertIn(f"{state}-remove-lateclose", names)
        self.assertIn("userptr-remove-munmap", names)
        self.assertNotIn("idle-fd-remove-munmap", names)

    def test_describe(self):
        p = self.igt("--describe=userptr-remove")
        self.assertEqual((p.returncode, p.stdout.splitlines()[0]), (0, "SUB userptr-remove:"))

    def test_no_such_subtest(self):
        p = self.igt("--run-subtest", "nothing-*")
        self.assertEqual((p.returncode, p.stdout), (79, ""))
        self.assertEqual(p.stderr, "Unknown subtest: nothing-*\n")

    def test_bad_option(self):
        for args in (["--frobnicate"], ["extra"]):
            p = self.igt(*args)
            self.assertEqual((p.returncode, p.stdout), (79, ""))
            self.assertTrue("Usage: " in p.stderr)

    def test_no_device_is_a_skip(self):
        p = self.igt("--device", "ffff:ff:1f.7", "--run-subtest", "idle-fd-unbind")
        self.assertEqual(p.returncode, 77, p)
        self.assertIn("Test requirement: a device driven by xe: ffff:ff:1f.7", p.stdout)

    def test_list_for_the_runner(self):
        self.assertEqual((OUT / "igt/test-list.txt").read_text(), "TESTLIST\nxe_hotunplug_held\nEND TESTLIST\n")


class Static(unittest.TestCase):
    def test_no_interpreter(self):
        for name in [*states(), "igt/xe_hotunplug_held"]:
            with self.subTest(name):
                head = (OUT / name).read_bytes()[:4096]
                self.assertEqual(head[:4], b"\x7fELF")
                self.assertNotIn(b"ld-linux", head)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not (Path(sys.argv[1]) / "obj" / "frame").exists():
        print("test_protocol.py: give the folder of the built programs (make check does)", file=sys.stderr)
        sys.exit(2)
    OUT = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=0)
