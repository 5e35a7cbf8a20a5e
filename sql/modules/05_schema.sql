-- The schema must be ours. In one that somebody else owns or may create objects in,
-- his functions and operators could stand in for ours, with the rights of whoever calls
-- them: what is here is called by superusers. A dump makes the schema before the
-- extension, empty and with its owner.

DO LANGUAGE plpgsql $$
DECLARE
    ours pg_catalog.pg_namespace%ROWTYPE;
BEGIN
    SELECT n.* INTO STRICT ours FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) '@extschema@';
    IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) ours.nspowner) THEN
        RAISE EXCEPTION 'schema "@extschema@" belongs to %', pg_catalog.pg_get_userbyid(ours.nspowner)
        USING ERRCODE = 'insufficient_privilege',
              DETAIL = 'Its owner could replace what the extension calls.',
              HINT = 'Drop or rename the schema, or ALTER SCHEMA @extschema@ OWNER TO a superuser, after a look at what is in it.';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.aclexplode(ours.nspacl) a
               LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
               WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND r.rolsuper IS NOT TRUE) THEN
        RAISE EXCEPTION 'others may create objects in schema "@extschema@"'
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'REVOKE CREATE ON SCHEMA @extschema@ from them, or drop the schema.';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) ours.oid)
        OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprnamespace OPERATOR(pg_catalog.=) ours.oid)
        OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace OPERATOR(pg_catalog.=) ours.oid) THEN
        RAISE EXCEPTION 'schema "@extschema@" is not empty'
        USING ERRCODE = 'duplicate_object',
              HINT = 'Drop what is in it, or the schema: the extension makes its own.';
    END IF;
END $$;

