-- One row, which a probe of the server's readiness writes: whether the database still takes writes and makes them durable.
CREATE TABLE readiness (
    id {int} PRIMARY KEY CHECK (id = 1),
    written_at {int} NOT NULL
){strict};
