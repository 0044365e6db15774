//! Boots a database and the services for a test
