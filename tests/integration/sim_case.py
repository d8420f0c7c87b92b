"""A TestCase with its own hcloud-sim, empty before each test.

All that is said between the two is recorded, and must agree with the OpenAPI
description in the end.
"""

import os
import tempfile
import unittest

import openapi
from sim import Sim


class SimCase(unittest.TestCase):
    time_scale = 600
    options = ()
    checks_requests = True

    @classmethod
    def setUpClass(cls):
        handle, cls.recording = tempfile.mkstemp(suffix=".jsonl")
        os.close(handle)
        cls.sim = Sim(time_scale=cls.time_scale, record=cls.recording,
                      options=cls.options).start()

    @classmethod
    def tearDownClass(cls):
        cls.sim.stop()
        try:
            openapi.check_recording(
                cls.recording, requests=cls.checks_requests)
        finally:
            os.unlink(cls.recording)

    def setUp(self):
        self.sim.start_over()

    def assertRefused(self, answer, status, code, field=None):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        self.assertEqual(set(answer.error), {"code", "message", "details"})
        if field:
            self.assertIn(field, answer.fields)
        return answer

    def assertCreated(self, answer):
        self.assertEqual(answer.status, 201, answer)
        return answer
