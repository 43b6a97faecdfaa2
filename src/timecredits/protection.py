"""Row security, privileges and append-only triggers, as migrations put them on tables."""

from alembic import context, op

_APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def application_role() -> str:
    """Give the quoted name of the role that the service connects as."""
    name: str = context.config.attributes["application_role"]
    return '"' + name.replace('"', '""') + '"'


def allow(table: str, *, may: str) -> None:
    """Let the application do this with a table, and nothing else: `may` is a list as GRANT takes it."""
    op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
    op.execute(f"GRANT {may} ON {table} TO {application_role()}")


def wall(table: str, *, may: str) -> None:
    """Show rows of the session's programme only, to the table's owner too, and let the application do this with them.

    After one SET LOCAL on a pooled connection the setting reads '' and no longer NULL, hence nullif.
    """
    allow(table, may=may)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY one_programme ON {table} "
        "USING (programme_id = nullif(current_setting('timecredits.programme', true), '')::uuid)"
    )


def make_append_only_function() -> None:
    """Make the function behind the triggers of `append_only`."""
    op.execute(_APPEND_ONLY)


def append_only(table: str) -> None:
    """Refuse to change or delete rows, to the owner too. The application has no right to either in the first place."""
    for event, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        name = f"{table}_append_only_{each.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_change()")
