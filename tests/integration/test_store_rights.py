"""What a database allows that was migrated, and where roles.sql was not run."""

import unittest

from store_case import StoreCase


class BeforeRoles(StoreCase):
    def test_nobody_else_may_call_a_function(self):
        functions = "FROM pg_proc WHERE pronamespace = 'byoc'::regnamespace"
        self.assertGreater(self.one(f"SELECT count(*) {functions}"), 20)
        self.assertEqual(self.db(
            f"SELECT proname {functions}"
            " AND has_function_privilege('public', oid, 'EXECUTE')"), [])

    def test_nor_one_that_is_made_later(self):
        self.db("CREATE FUNCTION byoc.later() RETURNS integer LANGUAGE sql"
                " AS 'SELECT 1'")
        self.addCleanup(self.db, "DROP FUNCTION byoc.later()")
        self.assertFalse(self.one(
            "SELECT has_function_privilege('public', 'byoc.later()',"
            " 'EXECUTE')"))


if __name__ == "__main__":
    unittest.main()
