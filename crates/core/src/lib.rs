//! The rules of Countersign: pure, without clock, randomness, SQL or HTTP.
