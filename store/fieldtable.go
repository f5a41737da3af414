package store

import "strings"

// table is the field table, in the order that forms and files show. Adding a field is one line here
// and a FieldID. It is never changed and never handed out: Fields copies.
var table = [...]Field{
	{ID: Username, Name: "username", Attributes: []string{"uid", "sAMAccountName"}, Matching: MatchName, User: Key,
		Help: "The login name, unique among users whatever its case."},
	{ID: DisplayName, Name: "displayname", Attributes: []string{"cn", "displayName", "name"}, Matching: MatchText, User: Required, Contact: Required, SpeedDial: Required,
		Help: "The name that phones show."},
	{ID: GivenName, Name: "givenname", Attributes: []string{"givenName", "gn"}, Matching: MatchText, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "The first name."},
	{ID: Surname, Name: "surname", Attributes: []string{"sn", "surname"}, Matching: MatchText, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "The family name."},
	{ID: Organisation, Name: "organisation", Attributes: []string{"o", "company", "organizationName"}, Matching: MatchText, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "The company or organisation."},
	{ID: Job, Name: "job", Attributes: []string{"title"}, Matching: MatchText, User: Optional, Contact: Optional,
		Help: "The job title."},
	{ID: Email, Name: "email", Attributes: []string{"mail", "rfc822Mailbox"}, Matching: MatchText, Many: true, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "E-mail addresses."},
	{ID: Phone, Name: "phone", Attributes: []string{"telephoneNumber", "ipPhone"}, Matching: MatchNumber, Many: true, User: Optional, Contact: Optional, SpeedDial: Required,
		Help: "Telephone numbers; of a speed dial, the number that it dials."},
	{ID: Mobile, Name: "mobile", Attributes: []string{"mobile", "mobileTelephoneNumber"}, Matching: MatchNumber, Many: true, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "Mobile telephone numbers."},
	{ID: HomePhone, Name: "homephone", Attributes: []string{"homePhone", "homeTelephoneNumber"}, Matching: MatchNumber, Many: true, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "Private telephone numbers."},
	{ID: Fax, Name: "fax", Attributes: []string{"facsimileTelephoneNumber", "fax"}, Matching: MatchNumber, Many: true, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "Fax numbers."},
	{ID: ShortCode, Name: "shortcode", Attributes: []string{"employeeNumber", "speedDial"}, Matching: MatchNumber, SpeedDial: Key,
		Help: "The digits that are dialled instead of the number, unique among speed dials."},
	{ID: Notes, Name: "notes", Attributes: []string{"description", "info"}, Matching: MatchText, User: Optional, Contact: Optional, SpeedDial: Optional,
		Help: "Anything else worth knowing; the only field that may hold line breaks."},
	{ID: Homepage, Name: "homepage", Attributes: []string{"labeledURI"}, Matching: MatchText, User: Optional, Contact: Optional,
		Help: "The address of a web page."},
	{ID: CustomerNumber, Name: "customernumber", Attributes: []string{"customerNumber"}, Matching: MatchText, User: Optional, Contact: Optional,
		Help: "The number that you know this customer by."},
	{ID: Label, Name: "label", Attributes: []string{"businessCategory"}, Matching: MatchText, Many: true, User: Optional, Contact: Optional,
		Help: "Words to group entries by."},
	{ID: Photo, Name: "photo", Attributes: []string{"jpegPhoto"}, Matching: MatchBytes, User: Optional, Contact: Optional,
		Help: "A JPEG picture."},
	{ID: Groups, Name: "groups", Attributes: []string{"ou", "memberOf"}, Matching: MatchText, Many: true, User: Optional,
		Help: "The groups of the user."},
	{ID: Password, Name: "password", Matching: MatchNone, User: Optional,
		Help: "The password of a user with the login method internal. It is never shown."},
}

// Fields returns the field table in the order that forms and files show.
func Fields() []Field {
	fields := make([]Field, len(table))
	for i := range table {
		fields[i] = table[i].clone()
	}
	return fields
}

// FieldByID returns a field; the zero Field when there is none of that ID.
func FieldByID(id FieldID) Field {
	if f := fieldOf(id); f != nil {
		return f.clone()
	}
	return Field{}
}

// FieldByName finds a field by its name in CSV headers, forms and YAML, in any case.
func FieldByName(name string) (Field, bool) {
	for i := range table {
		if strings.EqualFold(table[i].Name, name) {
			return table[i].clone(), true
		}
	}
	return Field{}, false
}

// FieldByAttribute finds the field that an LDAP attribute name or alias stands for, in any case.
func FieldByAttribute(name string) (Field, bool) {
	for i := range table {
		for _, a := range table[i].Attributes {
			if strings.EqualFold(a, name) {
				return table[i].clone(), true
			}
		}
	}
	return Field{}, false
}

// UsedBy says what entries of a kind do with the field.
func (f Field) UsedBy(k Kind) Use {
	switch k {
	case KindUser:
		return f.User
	case KindContact:
		return f.Contact
	case KindSpeedDial:
		return f.SpeedDial
	}
	return Unused
}

// String returns the field's name.
func (id FieldID) String() string {
	if f := fieldOf(id); f != nil {
		return f.Name
	}
	return "unknown field"
}

func (f *Field) clone() Field {
	c := *f
	c.Attributes = append([]string(nil), f.Attributes...)
	return c
}

// fieldOf returns the line of the table itself, for reading only. The table is ordered by ID without gaps; a test holds that.
func fieldOf(id FieldID) *Field {
	if id == 0 || int(id) > len(table) {
		return nil
	}
	return &table[id-1]
}
