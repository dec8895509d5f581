//! Logging: tracing set-up, the audit trail, the allow-list of fields.
