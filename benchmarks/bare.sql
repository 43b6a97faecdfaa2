-- The bare limit: what one posted spend does to the tables, by hand, in a function on the server.
-- The same locks, inserts and updates, on the same tables with their constraints, indexes and row security, as the
-- application's role. No rules but "enough is there": no chart of accounts, no draws, no refusals with figures.
CREATE SCHEMA bare;

CREATE FUNCTION bare.spend(programme uuid, source uuid, target uuid, amount bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := uuidv7();
    at timestamptz := clock_timestamp();
    payer record;
    taker record;
BEGIN
    IF source < target THEN
        SELECT balance, floor, version, posted_at, closed_at, expires_on INTO STRICT payer
        FROM account WHERE programme_id = programme AND id = source FOR NO KEY UPDATE;
        SELECT balance, floor, version, posted_at, closed_at, expires_on INTO STRICT taker
        FROM account WHERE programme_id = programme AND id = target FOR NO KEY UPDATE;
    ELSE
        SELECT balance, floor, version, posted_at, closed_at, expires_on INTO STRICT taker
        FROM account WHERE programme_id = programme AND id = target FOR NO KEY UPDATE;
        SELECT balance, floor, version, posted_at, closed_at, expires_on INTO STRICT payer
        FROM account WHERE programme_id = programme AND id = source FOR NO KEY UPDATE;
    END IF;
    IF payer.balance - payer.floor < amount THEN
        RAISE EXCEPTION 'not enough';
    END IF;
    IF payer.closed_at IS NOT NULL OR taker.closed_at IS NOT NULL OR payer.expires_on < current_date THEN
        RAISE EXCEPTION 'closed or expired';
    END IF;
    at := greatest(at, payer.posted_at + interval '1 microsecond', taker.posted_at + interval '1 microsecond');
    INSERT INTO journal_entry (programme_id, id, kind, actor_id, recorded_at, effective_on, reverses, correlation_id,
                               seal)
    VALUES (programme, entry, 'spend', programme, at, current_date, NULL, NULL,
            sha256(record_send(ROW(programme, entry, 'spend'::text, programme, at, current_date,
                                   NULL::uuid, NULL::uuid))));
    INSERT INTO transfer (programme_id, entry_id, leg, kind, source_id, target_id, minutes,
                          source_seq, source_after, target_seq, target_after, recorded_at)
    VALUES (programme, entry, 1, 'spend', source, target, amount,
            payer.version + 1, payer.balance - amount, taker.version + 1, taker.balance + amount, at);
    UPDATE account SET balance = payer.balance - amount, version = payer.version + 1, posted_at = at
    WHERE programme_id = programme AND id = source;
    UPDATE account SET balance = taker.balance + amount, version = taker.version + 1, posted_at = at
    WHERE programme_id = programme AND id = target;
    RETURN entry;
END $$;
