\echo Use "ALTER EXTENSION andon UPDATE" to load this file. \quit

-- Written by hand, in the order of sql/modules: what the modules have and 0.1.0
-- had not. tests/extension/t/test_upgrade.py compares the outcome with a fresh
-- 0.2.0, down to privileges, comments and the order of columns.
