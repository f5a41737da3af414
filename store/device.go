package store

// ObjectKind implements Object.
func (*Device) ObjectKind() ObjectKind { return ObjectDevice }

// ObjectName implements Object.
func (d *Device) ObjectName() string { return d.Name }

// Validate implements Object.
func (d *Device) Validate() error {
	return firstError(validateName(d.Name), validateTitle(d.Title), d.Password.validate("password"))
}
