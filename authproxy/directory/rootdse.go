package directory

// RootDSE is the entry with the empty name (RFC 4512, section 5.1). It lists
// exactly what works: clients drop what is not listed, and rely on what is.
func (t *Tree) RootDSE(startTLS bool, saslPlain bool) *Node {
	n := &Node{}
	n.add("objectClass", "top", "OpenLDAProotDSE")
	n.addOperational("namingContexts", t.base)
	n.addOperational("supportedLDAPVersion", "2", "3")
	n.addOperational("supportedControl",
		"2.16.840.1.113730.3.4.2", // ManageDsaIT
	)
	extensions := []string{
		"1.3.6.1.4.1.4203.1.11.1", // Password Modify
		"1.3.6.1.4.1.4203.1.11.3", // Who am I?
		"1.3.6.1.1.8",             // Cancel
	}
	if startTLS {
		extensions = append(extensions, "1.3.6.1.4.1.1466.20037")
	}
	n.addOperational("supportedExtension", extensions...)
	n.addOperational("supportedFeatures",
		"1.3.6.1.4.1.4203.1.5.1", // all operational attributes
		"1.3.6.1.4.1.4203.1.5.3", // absolute true and false filters
	)
	if saslPlain {
		n.addOperational("supportedSASLMechanisms", "PLAIN")
	}
	n.addOperational("vendorName", "Dialtree")
	if t.version != "" {
		n.addOperational("vendorVersion", t.version)
	}
	return n
}
