package store

// NewObject returns an empty object of a kind to decode into; false for an unknown kind.
func NewObject(k ObjectKind) (Object, bool) {
	switch k {
	case ObjectUpstream:
		return new(Upstream), true
	case ObjectConnector:
		return new(Connector), true
	case ObjectPhonebook:
		return new(Phonebook), true
	case ObjectDevice:
		return new(Device), true
	case ObjectContainer:
		return new(Container), true
	case ObjectAdministrator:
		return new(Administrator), true
	case ObjectRole:
		return new(Role), true
	case ObjectToken:
		return new(Token), true
	}
	return nil, false
}

// RefOf returns the reference of an object.
func RefOf(o Object) ObjectRef { return ObjectRef{Kind: o.ObjectKind(), Name: o.ObjectName()} }

// eachSecret calls f with every secret that an object can hold. A new one is added here, and is then sealed, masked and listed.
func eachSecret(o Object, f func(path string, s *Secret)) {
	switch o := o.(type) {
	case *Upstream:
		if o.Search != nil {
			f("search.password", &o.Search.Password)
		}
	case *Device:
		f("password", &o.Password)
	case *Administrator:
		f("password", &o.Password)
	case *Token:
		f("hash", &o.Hash)
	case *Connector:
		if o.Source.CSV != nil {
			o.Source.CSV.eachSecret("source.csv", f)
		}
		if o.Source.XLSX != nil {
			o.Source.XLSX.eachSecret("source.xlsx", f)
		}
		if o.Source.LDAP != nil {
			f("source.ldap.password", &o.Source.LDAP.Password)
		}
		if o.Source.AD != nil {
			f("source.ad.password", &o.Source.AD.Password)
		}
		if o.Source.UCS != nil {
			f("source.ucs.password", &o.Source.UCS.Password)
		}
		if o.Source.REST != nil {
			f("source.rest.password", &o.Source.REST.Password)
			f("source.rest.token", &o.Source.REST.Token)
		}
		if o.Webhook != nil {
			f("webhook.secret", &o.Webhook.Secret)
		}
	}
}

func validateName(name string) error {
	if !validObjectName(name) {
		return fieldErrorf("name", "%q is not a name: use 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\", with a letter or digit first", name)
	}
	return nil
}

// firstError returns the first error, so that Validate reads as a list.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
