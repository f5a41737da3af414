package phonesettings

// file is what a download of a vendor's settings is called, and its type. A part of a file that the
// administrator has to complete, such as Cisco's, has the name of the whole one.
func (v Vendor) file() (name, contentType string) {
	const text, xml = "text/plain; charset=utf-8", "application/xml"
	switch v.Name {
	case "asterisk":
		return "res_ldap.conf", text
	case "avaya":
		return "46xxsettings.txt", text
	case "freeswitch":
		return "xml_ldap.conf.xml", xml
	case "gonnect":
		return "gonnect.ini", text
	case "linphone":
		return "linphonerc", text
	case "mitel":
		return "aastra.cfg", text
	}
	switch v.format {
	case xmlText:
		return v.Name + ".xml", xml
	case lines, quoted:
		return v.Name + ".cfg", text
	}
	return v.Name + ".txt", text
}
