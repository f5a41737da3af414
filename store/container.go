package store

// The names of containers.
const (
	ContainerUsers      = "users"
	ContainerSpeedDials = "speeddials"
)

// ObjectKind implements Object.
func (*Container) ObjectKind() ObjectKind { return ObjectContainer }

// ObjectName implements Object.
func (c *Container) ObjectName() string { return c.Name }

// Validate implements Object.
func (c *Container) Validate() error {
	if c.Name != ContainerUsers && c.Name != ContainerSpeedDials {
		return fieldErrorf("name", "%q is not a container: there are %s and %s; who may read a phonebook is said there", c.Name, ContainerUsers, ContainerSpeedDials)
	}
	return validateReaders(c.Readers)
}

// WithDefaults returns a copy with the defaults in place of what was left out.
func (c Container) WithDefaults() Container {
	if len(c.Readers) == 0 {
		c.Readers = []string{string(ReaderAuthenticated)}
	}
	return c
}

// Container returns the container of that name. One that nobody has put is there nevertheless, with its defaults.
func (v *Snapshot) Container(name string) (*Container, error) {
	o, err := v.Object(ObjectContainer, name)
	switch _, missing := err.(*NotFoundError); { //nolint:errorlint // Object returns it as it is
	case missing:
		c := Container{Name: name}.WithDefaults()
		return &c, nil
	case err != nil:
		return nil, err
	}
	c := o.(*Container).WithDefaults()
	return &c, nil
}
