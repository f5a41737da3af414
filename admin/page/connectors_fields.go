package page

// A valueKind is what a key of a connector's document holds.
type valueKind uint8

const (
	valueText valueKind = iota
	valueNumber
	valueBool
	valueList   // of texts, a line each
	valueSecret // never shown; left empty it stays what it is
)

// A connectorField is a key of a connector's document as the form shows it: the field's Name is the
// path of the key.
type connectorField struct {
	field
	Kind    valueKind
	Default string // what a key that is missing stands for
	More    bool   // among the further settings
	Only    string // only while this is chosen elsewhere in the form; see connectorForm.chosen
	Section string // of the form: name, source, import, login or run
}

// Input is what the template field draws.
func (f connectorField) Input() field { return f.field }

// sourceFields are the keys of a kind of source.
func sourceFields(source string) []connectorField {
	at := "source." + source
	switch source {
	case "csv":
		return append(placeFields(at), csvFields()...)
	case "xlsx":
		return append(placeFields(at), xlsxFields()...)
	case "ldap":
		return append(ldapFields(at), directoryFields(at)...)
	case "ad":
		return append(append(domainFields(at), connectorField{
			field: field{Name: at + ".global_catalog", Label: text("Search the whole forest"), Type: "checkbox",
				Help: text("In the global catalog, port 3269. It lacks some attributes, such as homePhone.")}, Kind: valueBool, More: true,
		}), directoryFields(at)...)
	case "ucs":
		return append(domainFields(at), directoryFields(at)...)
	case "rest":
		return restFields(at)
	}
	return nil
}

// placeFields say where a file lies: the field place chooses which of them count.
func placeFields(at string) []connectorField {
	return []connectorField{
		{field: field{Name: at + ".share.unc", Label: text("Share"), Class: "when-share", Placeholder: `\\server\share`,
			Help: text("The server and the name of what it shares, such as \\\\files\\telephone.")}, Only: "share"},
		{field: field{Name: at + ".path", Label: text("File"), Class: "when-path", Placeholder: "/srv/import/users.csv",
			Help: text("The path, such as /srv/import/users.csv; on a share the path within it, such as lists\\users.csv.")}, Only: "path"},
		{field: field{Name: at + ".share.username", Label: text("Account"), Class: "third when-share", Autocomplete: "off",
			Help: text("An account that may read the share, such as dialtree.")}, Only: "share"},
		{field: field{Name: at + ".share.password", Label: text("Password of the account"), Class: "third when-share", Type: "password", Autocomplete: "new-password",
			Help: text("It is stored encrypted and never shown.")}, Kind: valueSecret, Only: "share"},
		{field: field{Name: at + ".share.domain", Label: text("Windows domain"), Class: "third when-share", Placeholder: "EXAMPLE",
			Help: text("Empty for an account of the file server itself.")}, Only: "share"},
		{field: field{Name: at + ".url", Label: text("Address"), Class: "when-url", Type: "url", Placeholder: "https://files.example.com/users.csv",
			Help: text("Where the file can be fetched, such as https://files.example.com/users.csv.")}, Only: "url"},
		{field: field{Name: at + ".username", Label: text("User name"), Class: "third when-url", Autocomplete: "off",
			Help: text("Only where the server asks for one.")}, Only: "url"},
		{field: field{Name: at + ".password", Label: text("Password of the user"), Class: "third when-url", Type: "password", Autocomplete: "new-password",
			Help: text("It is stored encrypted and never shown.")}, Kind: valueSecret, Only: "url"},
		{field: field{Name: at + ".token", Label: text("Or a token"), Class: "third when-url", Type: "password", Autocomplete: "new-password",
			Help: text("A bearer token, instead of user and password.")}, Kind: valueSecret, Only: "url"},
		{field: field{Name: at + ".tls.ca_file", Label: text("Certificate of the authority"), Class: "half when-url", Placeholder: "/etc/dialtree/ca.pem",
			Help: text("A PEM file on this server, where a company's own authority signed the certificate.")}, More: true, Only: "url"},
		{field: field{Name: at + ".tls.server_name", Label: text("Name in the certificate"), Class: "half when-url", Placeholder: "dc1.example.com",
			Help: text("Where it differs from the address, such as dc1.example.com.")}, More: true, Only: "url"},
		{field: field{Name: at + ".tls.pinned_key", Label: text("Pinned key"), Class: "half code when-url", Placeholder: "sha256/…",
			Help: text("Trust exactly this key: sha256/ and its digest, as the test of a directory under Authentication shows it.")}, More: true, Only: "url"},
		{field: field{Name: at + ".timeout", Label: text("Patience"), Class: "half", Placeholder: "30s",
			Help: text("How long nothing may come before it counts as failed, such as 30s.")}, More: true},
		{field: field{Name: at + ".tls.insecure_skip_verify", Label: text("Do not check the certificate"), Type: "checkbox", Class: "when-url",
			Help: text("For a first try only: anybody on the way could read the password.")}, Kind: valueBool, More: true, Only: "url"},
	}
}

func csvFields() []connectorField {
	const at = "source.csv"
	return []connectorField{
		{field: field{Name: at + ".encoding", Label: text("Encoding"), Class: "half", Type: "select", Options: append([]option{{Value: "auto", Label: text("find out")}}, sameOptions("utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850", "macintosh")...),
			Help: text("Excel's plain CSV is windows-1252, its CSV UTF-8 is utf-8.")}, Default: "utf-8"},
		{field: field{Name: at + ".delimiter", Label: text("Between columns"), Class: "half", Type: "select",
			Options: []option{{Value: "auto", Label: text("find out")}, {Value: ",", Label: text("comma ,")}, {Value: ";", Label: text("semicolon ;")}, {Value: "\t", Label: text("tab")}, {Value: "|", Label: text("bar |")}},
			Help:    text("A German Excel writes a semicolon, others a comma.")}, Default: ","},
		{field: field{Name: at + ".header", Label: text("The first row names the columns"), Type: "checkbox",
			Help: text("Otherwise the columns are called 1, 2, 3 and so on.")}, Kind: valueBool, Default: "true"},
		{field: field{Name: at + ".line_separator", Label: text("Ends of lines"), Class: "half", Type: "select", Options: append([]option{{Value: "auto", Label: text("find out")}}, sameOptions("lf", "crlf", "cr")...),
			Help: text("crlf is Windows, lf is Linux, cr an old Mac.")}, Default: "auto", More: true},
		{field: field{Name: at + ".enclosure", Label: text("Around values"), Class: "half", Type: "select",
			Options: []option{{Value: `"`, Label: text("quotation marks \"")}, {Value: "'", Label: text("apostrophes '")}, {Value: "none", Label: text("nothing")}},
			Help:    text("What stands around a value that holds a comma or a line break.")}, Default: `"`, More: true},
	}
}

func xlsxFields() []connectorField {
	const at = "source.xlsx"
	return []connectorField{
		{field: field{Name: at + ".sheet", Label: text("Sheet"), Class: "half", Placeholder: "Sheet1",
			Help: text("The name of the sheet. Empty for the first one that is visible.")}},
		{field: field{Name: at + ".header_row", Label: text("Row of the headings"), Class: "half", Type: "number", Placeholder: "1",
			Help: text("The row that names the columns, such as 3 where a title stands above.")}, Kind: valueNumber},
	}
}

func ldapFields(at string) []connectorField {
	return []connectorField{
		{field: field{Name: at + ".urls", Label: text("Servers"), Class: "half", Type: "textarea", Rows: 2, Placeholder: "ldaps://ldap.example.com",
			Help: text("One in each line, tried in order: ldaps:// for TLS, or ldap://.")}, Kind: valueList},
		{field: field{Name: at + ".base", Label: text("Where to search"), Class: "half", Type: "textarea", Rows: 2, Placeholder: "ou=people,dc=example,dc=com",
			Help: text("The DN of a branch in each line, such as ou=people,dc=example,dc=com.")}, Kind: valueList},
		{field: field{Name: at + ".bind_dn", Label: text("Account"), Class: "half", Placeholder: "cn=reader,dc=example,dc=com", Autocomplete: "off",
			Help: text("The DN of an account that may read, such as cn=reader,dc=example,dc=com. Empty to search without login.")}},
		{field: field{Name: at + ".password", Label: text("Password of the account"), Class: "half", Type: "password", Autocomplete: "new-password",
			Help: text("It is stored encrypted and never shown.")}, Kind: valueSecret},
	}
}

// domainFields are those of Active Directory and UCS, from which the rest follows.
func domainFields(at string) []connectorField {
	return []connectorField{
		{field: field{Name: at + ".domain", Label: text("Domain"), Class: "half", Required: true, Placeholder: "example.com",
			Help: text("Its DNS name, such as example.com.")}},
		{field: field{Name: at + ".server", Label: text("Server"), Class: "half", Placeholder: "dc1.example.com",
			Help: text("A domain controller, such as dc1.example.com.")}},
		{field: field{Name: at + ".username", Label: text("Account"), Class: "half", Placeholder: "dialtree", Autocomplete: "off",
			Help: text("An ordinary account that may read the directory, such as dialtree.")}},
		{field: field{Name: at + ".password", Label: text("Password of the account"), Class: "half", Type: "password", Autocomplete: "new-password",
			Help: text("It is stored encrypted and never shown.")}, Kind: valueSecret},
		{field: field{Name: at + ".base", Label: text("Where to search"), Type: "textarea", Rows: 2, Placeholder: "ou=Berlin,dc=example,dc=com",
			Help: text("Only in these branches: a DN in each line. Empty for the whole domain.")}, Kind: valueList, More: true},
		{field: field{Name: at + ".urls", Label: text("Servers by address"), Class: "half", Type: "textarea", Rows: 2, Placeholder: "ldaps://dc1.example.com",
			Help: text("Instead of the server above: several, one in each line, tried in order.")}, Kind: valueList, More: true},
		{field: field{Name: at + ".bind_dn", Label: text("DN of the account"), Class: "half", Placeholder: "cn=dialtree,cn=Users,dc=example,dc=com",
			Help: text("Instead of the account above, where its name is not enough.")}, More: true},
	}
}

// directoryFields are what all directories have.
func directoryFields(at string) []connectorField {
	return []connectorField{
		{field: field{Name: at + ".tls.ca_file", Label: text("Certificate of the authority"), Class: "half", Placeholder: "/etc/dialtree/ca.pem",
			Help: text("A PEM file on this server, where a company's own authority signed the certificate.")}},
		{field: field{Name: at + ".tls.start_tls", Label: text("StartTLS on port 389"), Type: "checkbox", Class: "half",
			Help: text("Where the server has no LDAPS on port 636.")}, Kind: valueBool},
		{field: field{Name: at + ".filter", Label: text("Which entries"), Class: "code", Placeholder: "(objectClass=inetOrgPerson)",
			Help: text("An LDAP filter instead of the template's, such as (objectClass=inetOrgPerson).")}, More: true},
		{field: field{Name: at + ".tls.pinned_key", Label: text("Pinned key"), Class: "half code", Placeholder: "sha256/…",
			Help: text("Trust exactly this key: sha256/ and its digest, as the test of a directory under Authentication shows it.")}, More: true},
		{field: field{Name: at + ".tls.server_name", Label: text("Name in the certificate"), Class: "half", Placeholder: "dc1.example.com",
			Help: text("Where it differs from the address, such as dc1.example.com.")}, More: true},
		{field: field{Name: at + ".attributes", Label: text("Further attributes"), Class: "half", Type: "textarea", Rows: 2, Placeholder: "roomNumber",
			Help: text("One in each line. Those that the variables name are fetched anyway.")}, Kind: valueList, More: true},
		{field: field{Name: at + ".page_size", Label: text("Entries per request"), Class: "half", Type: "number", Placeholder: "500",
			Help: text("500 suits all servers; a domain controller gives 1000 at most.")}, Kind: valueNumber, More: true},
		{field: field{Name: at + ".incremental", Label: text("Fetch only what changed"), Type: "checkbox", Class: "half",
			Help: text("When the schedule runs it; once a day everything is fetched.")}, Kind: valueBool, More: true},
		{field: field{Name: at + ".tls.insecure_skip_verify", Label: text("Do not check the certificate"), Type: "checkbox", Class: "half",
			Help: text("For a first try only: anybody on the way could read the password.")}, Kind: valueBool, More: true},
	}
}

func restFields(at string) []connectorField {
	return []connectorField{
		{field: field{Name: at + ".url", Label: text("Address"), Type: "url", Required: true, Placeholder: "https://pbx.example.com:8389/api/v1/phonebooks/customers/contacts",
			Help: text("Of the list, or of its first page. For another Dialtree: https://HOST:8389/api/v1/phonebooks/NAME/contacts.")}},
		{field: field{Name: at + ".username", Label: text("User name"), Class: "third", Placeholder: "branch", Autocomplete: "off",
			Help: text("For another Dialtree: the device there, such as branch.")}},
		{field: field{Name: at + ".password", Label: text("Password of the user"), Class: "third", Type: "password", Autocomplete: "new-password",
			Help: text("It is stored encrypted and never shown.")}, Kind: valueSecret},
		{field: field{Name: at + ".token", Label: text("Or a token"), Class: "third", Type: "password", Autocomplete: "new-password",
			Help: text("A bearer token, instead of user and password.")}, Kind: valueSecret},
		{field: field{Name: at + ".list", Label: text("Where the list is"), Class: "half code", Placeholder: "/contacts",
			Help: text("The way to it in the answer, such as /data/items. Empty where the answer is the list.")}},
		{field: field{Name: at + ".next", Label: text("The next page"), Class: "half code", Placeholder: "/next",
			Help: text("/next for a value of the answer, link for the header, or ?page={page}. Empty for one page.")}},
		{field: field{Name: at + ".total", Label: text("How many there are"), Class: "half code", Placeholder: "/total",
			Help: text("The way to the number of all records, such as /total: a list that ends early is noticed.")}, More: true},
		{field: field{Name: at + ".timeout", Label: text("Patience"), Class: "half", Placeholder: "30s",
			Help: text("How long nothing may come before it counts as failed, such as 30s.")}, More: true},
		{field: field{Name: at + ".tls.ca_file", Label: text("Certificate of the authority"), Class: "half", Placeholder: "/etc/dialtree/ca.pem",
			Help: text("A PEM file on this server, where a company's own authority signed the certificate.")}, More: true},
		{field: field{Name: at + ".tls.server_name", Label: text("Name in the certificate"), Class: "half", Placeholder: "dc1.example.com",
			Help: text("Where it differs from the address, such as dc1.example.com.")}, More: true},
		{field: field{Name: at + ".tls.pinned_key", Label: text("Pinned key"), Class: "half code", Placeholder: "sha256/…",
			Help: text("Trust exactly this key: sha256/ and its digest, as the test of a directory under Authentication shows it.")}, More: true},
		{field: field{Name: at + ".tls.insecure_skip_verify", Label: text("Do not check the certificate"), Type: "checkbox", Class: "half",
			Help: text("For a first try only: anybody on the way could read the password.")}, Kind: valueBool, More: true},
	}
}

// importFields are how records become entries.
func importFields() []connectorField {
	return []connectorField{
		{field: field{Name: "key", Label: text("What identifies a record"), Class: "half", List: "columns",
			Help: text("A column that stays the same when somebody is renamed, such as a personnel number.")}},
		{field: field{Name: "filter", Label: text("Which records count"), Class: "half code", List: "expressions", Placeholder: `department != "Warehouse"`,
			Help: text("A condition, such as phone != \"\" or inGroup(groups, \"Phones\"). Empty for all.")}},
	}
}

// runFields are when and how carefully a connector runs.
func runFields() []connectorField {
	return []connectorField{
		{field: field{Name: "timezone", Label: text("Time zone"), Class: "third", Placeholder: "Europe/Berlin",
			Help: text("Of the schedule. Empty for that of this server.")}, More: true},
		{field: field{Name: "jitter", Label: text("Spread"), Class: "third", Placeholder: "2m",
			Help: text("Begin up to this much later, such as 2m, so that not everything begins at once.")}, More: true},
		{field: field{Name: "after", Label: text("After another connector"), Class: "third", Type: "select",
			Help: text("Run whenever that one is done.")}, More: true},
		{field: field{Name: "limits.removals", Label: text("Stop at removals"), Class: "third", Placeholder: "10%",
			Help: text("More than this waits for you: 10% or a number. Empty: 10%, at least 5, at most 500.")}, More: true},
		{field: field{Name: "limits.rejected", Label: text("Stop at rejected records"), Class: "third", Placeholder: "20%",
			Help: text("More than this waits for you: a share such as 20%, or a number.")}, More: true},
		{field: field{Name: "retain", Label: text("Keep what is removed"), Class: "third", Placeholder: "7d",
			Help: text("Hidden for so long, such as 7d, in case it comes back. Empty: not at all.")}, More: true},
		{field: field{Name: "webhook.url", Label: text("Tell of failures"), Class: "half", Type: "url", Placeholder: "https://alerts.example.com/dialtree",
			Help: text("An address that is told by POST when a run fails or is stopped.")}, More: true},
		{field: field{Name: "webhook.secret", Label: text("Secret of the message"), Class: "half", Type: "password", Autocomplete: "new-password",
			Help: text("Signs what is sent, so that the receiver can trust it.")}, Kind: valueSecret, More: true},
	}
}

func sameOptions(values ...string) []option {
	options := make([]option, len(values))
	for i, v := range values {
		options[i] = named(v, v)
	}
	return options
}
