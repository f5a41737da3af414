package hostile

import (
	"bytes"
	"fmt"
)

// Contacts is a CSV file of so many contacts, each of about 300 bytes over LDAP.
func Contacts(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`"displayname","phone","givenname","surname","organisation","email","mobile","homephone","fax"` + "\n")
	for i := range n {
		fmt.Fprintf(&b, "Given%d Surname%d,+49 30 %07d,Given%d,Surname%d,Company %d of somewhere,given.surname%d@example.com,+49 171 %07d,+49 40 %07d,+49 30 9%07d\n",
			i%97, i, i, i%97, i, i%311, i, i, i, i)
	}
	return b.Bytes()
}
