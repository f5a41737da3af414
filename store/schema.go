package store

// SchemaVersion is the newest version of the layout that this program knows, and the one that it writes.
func SchemaVersion() int { return schemaVersion }
