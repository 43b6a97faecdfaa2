-- Many spends at once, each as the ledger would have written it: everybody in turn pays one minute to every partner in
-- turn. The running balances follow from the number of the entry, and `verify` replays them all afterwards.
WITH payer AS (
    SELECT id, balance, version, row_number() OVER (ORDER BY id) - 1 AS number, count(*) OVER () AS of
    FROM account WHERE programme_id = %(programme)s AND id = ANY (%(payers)s)
), taker AS (
    SELECT id, balance, version, row_number() OVER (ORDER BY id) - 1 AS number, count(*) OVER () AS of
    FROM account WHERE programme_id = %(programme)s AND id = ANY (%(takers)s)
), entry AS MATERIALIZED (
    SELECT number, uuidv7() AS id, %(since)s + number * interval '1 microsecond' AS recorded_at
    FROM generate_series(0, %(count)s - 1) AS number
), written AS (
    INSERT INTO journal_entry
        (programme_id, id, kind, actor_id, recorded_at, effective_on, reverses, correlation_id, seal)
    SELECT %(programme)s, id, 'spend', %(programme)s, recorded_at, current_date, NULL, NULL,
        sha256(record_send(ROW(%(programme)s::uuid, id, 'spend'::text, %(programme)s::uuid, recorded_at, current_date,
                               NULL::uuid, NULL::uuid)))
    FROM entry
), moved AS (
    INSERT INTO transfer
        (programme_id, entry_id, leg, kind, source_id, target_id, minutes,
         source_seq, source_after, target_seq, target_after, recorded_at)
    SELECT %(programme)s, entry.id, 1, 'spend', payer.id, taker.id, 1,
        payer.version + entry.number / payer.of + 1, payer.balance - entry.number / payer.of - 1,
        taker.version + entry.number / taker.of + 1, taker.balance + entry.number / taker.of + 1, entry.recorded_at
    FROM entry
    JOIN payer ON payer.number = entry.number %% payer.of
    JOIN taker ON taker.number = entry.number %% taker.of
    RETURNING source_id, target_id, recorded_at
), change AS (
    SELECT source_id AS id, -count(*) AS minutes, count(*) AS steps, max(recorded_at) AS at FROM moved GROUP BY 1
    UNION ALL
    SELECT target_id, count(*), count(*), max(recorded_at) FROM moved GROUP BY 1
)
UPDATE account SET balance = balance + minutes, version = version + steps, posted_at = at
FROM change WHERE programme_id = %(programme)s AND account.id = change.id
