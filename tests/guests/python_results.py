# SPDX-License-Identifier: MIT
# python_results.py MODULE...: runs modules of Python's own test package (in a guest) and prints a line a test,
# "RESULT module name verdict", and for what fails why, "REASON name text"; "MODULE name seconds" after each module.
import sys
import time
import unittest
from test import support


class Results(unittest.TestResult):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def tell(self, test, verdict, why=""):
        print("RESULT", self.module, test.id().replace(" ", "_"), verdict, flush=True)
        for line in why.splitlines():
            print("REASON", test.id(), line, flush=True)

    def addSuccess(self, test):
        self.tell(test, "ok")

    def addError(self, test, err):
        self.tell(test, "error", self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        self.tell(test, "failure", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self.tell(test, "skip")

    def addExpectedFailure(self, test, err):
        self.tell(test, "expected-failure")

    def addUnexpectedSuccess(self, test):
        self.tell(test, "unexpected-success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(subtest, err)


support.use_resources = ()
for name in sys.argv[1:]:
    start = time.monotonic()
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName("test." + name)
    except unittest.SkipTest:
        print("RESULT", name, "module skip", flush=True)
        continue
    suite.run(Results(name))
    print("MODULE", name, round(time.monotonic() - start, 2), flush=True)
