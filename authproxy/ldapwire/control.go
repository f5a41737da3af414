package ldapwire

const tagControls = 0xa0

func (d *decoder) controls(c cursor) {
	d.m.Controls = d.m.arenas.controls.take(c.count("controls", d.lim.Controls))
	for i := range d.m.Controls {
		ctl := &d.m.Controls[i]
		s := c.enter(tagSequence, "control")
		ctl.OID = s.octets(tagOctetString, "control type")
		if s.at(tagBoolean) {
			ctl.Critical = s.boolean(tagBoolean, "control criticality")
		}
		if s.at(tagOctetString) {
			ctl.Value = s.octets(tagOctetString, "control value")
		}
		s.rest()
	}
}

func appendControls(dst []byte, controls []Control) []byte {
	if len(controls) == 0 {
		return dst
	}
	dst, mark := begin(dst, tagControls)
	for i := range controls {
		var one int
		dst, one = begin(dst, tagSequence)
		dst = appendOctets(dst, tagOctetString, controls[i].OID)
		if controls[i].Critical {
			// RFC 4511, section 5.1: a DEFAULT value is not sent.
			dst = appendBoolean(dst, tagBoolean, true)
		}
		dst = appendOptional(dst, tagOctetString, controls[i].Value)
		dst = end(dst, one)
	}
	return end(dst, mark)
}
