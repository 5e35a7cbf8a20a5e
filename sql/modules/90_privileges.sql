-- Who may do what. Boards belong to those who make them; making one takes
-- privileges on its sources and its schema, which create_board checks.

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA @extschema@ FROM PUBLIC;
GRANT SELECT ON @extschema@.boards TO PUBLIC;
GRANT SELECT ON @extschema@.transition TO PUBLIC;
GRANT SELECT ON @extschema@.sla, @extschema@.alert, @extschema@.overdue TO PUBLIC;
GRANT SELECT ON @extschema@.board_stats, @extschema@.feed_stats TO PUBLIC;
