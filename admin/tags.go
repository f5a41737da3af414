package admin

import "github.com/danielgtaylor/huma/v2"

// tags are the groups of operations, in the order in which a reader needs them.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "apply", Description: "What `dialtree apply` does: documents of every kind, as YAML or JSON, in one transaction."},
		{Name: "users", Description: "Who logs in at phones and PBXs, and is found by them. Most users come from a connector; what is changed by hand wins until it is given back."},
		{Name: "auth", Description: "How logins went, trying one, and letting those in again who failed too often."},
		{Name: "upstreams", Description: "The directories that check passwords."},
		{Name: "connectors", Description: "Where users, contacts and speed dials come from: templates, tests of a source, runs, their history and undo."},
		{Name: "jobs", Description: "Runs and imports that go on in the background, whoever looks at them."},
		{Name: "import", Description: "A file that is imported once."},
		{Name: "phonebooks", Description: "Named collections of contacts, each with its readers."},
		{Name: "contacts", Description: "The entries of phonebooks."},
		{Name: "speeddials", Description: "Short codes for numbers."},
		{Name: "containers", Description: "Who may read users and speed dials, which are in no phonebook."},
		{Name: "devices", Description: "The names and secrets with which phones and PBXs read phonebooks."},
		{Name: "phones", Description: "Settings to paste into phones, and what a phone would find."},
		{Name: "access", Description: "Signing in, sessions, and links by which an administrator sets his password."},
		{Name: "administrators", Description: "Accounts of administrators."},
		{Name: "roles", Description: "Which users of the directory may sign in here, and what they may do."},
		{Name: "tokens", Description: "What programs show instead of a password. Its text is told once, when it is made."},
		{Name: "audit", Description: "Who did what, when and from where."},
		{Name: "system", Description: "How the server is: overview, figures, configuration, certificates and log."},
		{Name: "cluster", Description: "The nodes that share one content, and the servers of etcd through which they do."},
		{Name: "store", Description: "The data directory: what is in it, whether it is sound, and backups."},
	}
}
