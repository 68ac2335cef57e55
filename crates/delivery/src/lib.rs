//! E-mail and SMS drivers and the worker that carries messages to them.
