//go:build linux

package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
)

// The contacts that searches are measured on are made up, and the same in every
// run: contact i is a function of i. Frequent names are frequent, as Zipf's law has
// it. A third of the surnames is rare, composed of two parts; one in thirty is a
// double one. Four fifths of the contacts belong to one of the companies, of which
// few have many, most have a few. All have a telephone number, three fifths a mobile
// one and a quarter one at home, in the notations that people use.

// A contact is a row of the CSV file, and an entry of a directory.
type contact struct {
	number              int // its key
	given, surname      string
	organisation, email string // may be empty
	phone, mobile, home string
}

func (c contact) name() string { return c.given + " " + c.surname }

// contactAt makes contact i. edition 1 is that contact half a year later: another
// company, another telephone number.
func contactAt(i, edition int) contact {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	c := contact{number: i, given: frequent(r, givenNames), surname: surname(r)}
	if edition > 0 {
		r = rand.New(rand.NewPCG(uint64(i), uint64(3+edition)))
	}
	domain := "example.org"
	if r.IntN(5) > 0 {
		c.organisation, domain = company(r)
	}
	c.email = mailName(c.given) + "." + mailName(c.surname) + "@" + domain
	c.phone = number(r, frequent(r, areas), 10_000_000)
	if r.IntN(5) < 3 {
		c.mobile = number(r, mobiles[r.IntN(len(mobiles))], 100_000_000)
	}
	if r.IntN(4) == 0 {
		c.home = number(r, frequent(r, areas), 1_000_000)
	}
	return c
}

// frequent draws from a list with its frequent ones first.
func frequent(r *rand.Rand, list []string) string { return list[rank(r, len(list))] }

// rank draws from 0 to n-1 with a weight of about 1/(rank + flat): the first of 200
// is three in a hundred.
func rank(r *rand.Rand, n int) int {
	const flat = 10
	return int(flat * (math.Pow(float64(n)/flat+1, r.Float64()) - 1))
}

func surname(r *rand.Rand) string {
	s := frequent(r, surnames)
	if r.IntN(3) == 0 {
		s = surnameStarts[r.IntN(len(surnameStarts))] + surnameEnds[r.IntN(len(surnameEnds))]
	}
	if r.IntN(30) == 0 {
		s += "-" + frequent(r, surnames)
	}
	return s
}

// company draws one of some 20,000 companies: many contacts belong to the first.
func company(r *rand.Rand) (name, domain string) {
	r = rand.New(rand.NewPCG(uint64(rank(r, 20_000)), 5))
	name = frequent(r, surnames) + " " + companyTrade[r.IntN(len(companyTrade))]
	if r.IntN(2) == 0 {
		name = companyWords[r.IntN(len(companyWords))] + "-" + companyTrade[r.IntN(len(companyTrade))]
	}
	return name + " " + strings.ReplaceAll(frequent(r, companyTypes), "_", " "), mailName(name) + ".example"
}

// number writes a number of an area below a limit in one of the notations.
func number(r *rand.Rand, area string, below int) string {
	local := fmt.Sprint(below/10 + r.IntN(below-below/10))
	switch r.IntN(8) {
	case 0, 1:
		return "+49 " + area + " " + local
	case 2:
		return "0" + area + "/" + local
	case 3:
		return "0" + area + " " + local[:3] + " " + local[3:]
	case 4:
		return "+49 (0)" + area + " " + local
	case 5:
		return "0049 " + area + " " + local
	case 6:
		return "+49 " + area + " " + local[:len(local)-2] + "-" + local[len(local)-2:]
	default:
		return "+49" + area + local
	}
}

// mailName is what of a name can stand in a mail address.
func mailName(s string) string {
	s = strings.ToLower(s)
	for from, to := range map[string]string{"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", " ": "-"} {
		s = strings.ReplaceAll(s, from, to)
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, s)
}

// writeContacts writes a file of n contacts. every tells how many of them are of the second
// edition: 2 is every second one, 0 none.
func writeContacts(file string, n, every int, head string, write func(w io.Writer, c contact)) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	_, _ = io.WriteString(w, head) // the writer keeps an error for Flush
	for i := range n {
		edition := 0
		if every > 0 && i%every == 0 {
			edition = 1
		}
		write(w, contactAt(i, edition))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

const csvHead = "customernumber,displayname,phone,givenname,surname,organisation,email,mobile,homephone\n"

func writeCSV(w io.Writer, c contact) {
	fmt.Fprintf(w, "C%07d,%s,%s,%s,%s,%s,%s,%s,%s\n",
		c.number, c.name(), c.phone, c.given, c.surname, c.organisation, c.email, c.mobile, c.home)
}

func writeLDIF(w io.Writer, c contact) {
	uid := fmt.Sprintf("c%07d", c.number)
	fmt.Fprintf(w, "\ndn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %[1]s\n", uid, slapdCustomers)
	for _, v := range []struct{ attribute, value string }{
		{"cn", c.name()}, {"sn", c.surname}, {"givenName", c.given}, {"o", c.organisation}, {"mail", c.email},
		{"telephoneNumber", c.phone}, {"mobile", c.mobile}, {"homePhone", c.home},
	} {
		if v.value != "" {
			fmt.Fprintf(w, "%s:: %s\n", v.attribute, base64.StdEncoding.EncodeToString([]byte(v.value)))
		}
	}
}

func words(s string) []string { return strings.Fields(s) }
