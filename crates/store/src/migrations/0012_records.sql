-- Codes that were sent before have a MAC that covers less, and would not match any more. They live for minutes; someone who has
-- one is asked to request another, and nothing is charged.
DELETE FROM sent_codes;
