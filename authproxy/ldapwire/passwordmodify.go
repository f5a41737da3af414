package ldapwire

// A PasswordModify is the value of a Password Modify request (RFC 3062). Parts
// are nil where absent.
type PasswordModify struct {
	UserIdentity []byte
	OldPassword  []byte
	NewPassword  []byte
}

// Decode reads the value of a Password Modify request; an empty value is one
// without any part. The parts point into b.
func (p *PasswordModify) Decode(b []byte) error {
	*p = PasswordModify{}
	if len(b) == 0 {
		return nil
	}
	err := decodeValue(b, "PasswdModifyRequestValue", func(c *cursor) {
		for _, part := range []struct {
			tag  byte
			what string
			to   *[]byte
		}{
			{0x80, "userIdentity", &p.UserIdentity},
			{0x81, "oldPasswd", &p.OldPassword},
			{0x82, "newPasswd", &p.NewPassword},
		} {
			if c.at(part.tag) {
				*part.to = c.octets(part.tag, part.what)
			}
		}
	})
	if err != nil {
		*p = PasswordModify{}
	}
	return err
}

// AppendPasswordModify appends the value of a Password Modify request.
func AppendPasswordModify(dst []byte, p *PasswordModify) []byte {
	dst, mark := begin(dst, tagSequence)
	for i, part := range [...][]byte{p.UserIdentity, p.OldPassword, p.NewPassword} {
		if part != nil {
			dst = appendOctets(dst, 0x80|byte(i), part)
		}
	}
	return end(dst, mark)
}

// AppendGeneratedPassword appends the value of the response to a Password Modify
// request that asked for a password to be made.
func AppendGeneratedPassword(dst []byte, password string) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendOctets(dst, 0x80, password)
	return end(dst, mark)
}
