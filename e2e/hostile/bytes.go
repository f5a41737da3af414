package hostile

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// lengths gives every element of every message each length that is wrong, and some that are right but
// seldom. What surrounds the element fits, so that nothing but the one length is wrong.
func lengths(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		root := parse(r.bytes)
		for i, at := range root.all() {
			where := fmt.Sprintf("element %d (%#02x), ", i, at.tag)
			header := func(content []byte, length ...byte) []byte {
				return slices.Concat([]byte{at.tag}, length, content)
			}
			write := func(name string, want Want, w func(content []byte) []byte) {
				all = append(all, one(Lengths, r.name+" "+where+name, root.with(at, w), want))
			}
			wrong := func(name string, length ...byte) {
				write(name, Notice, func(c []byte) []byte { return header(c, length...) })
			}
			write("indefinite", Notice, func(c []byte) []byte { return append(header(c, 0x80), 0, 0) })
			wrong("indefinite without an end", 0x80)
			wrong("of nine octets", 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1)
			wrong("of 127 octets", 0xff)
			wrong("of 2 GiB", 0x84, 0x7f, 0xff, 0xff, 0xff)
			wrong("of minus one in 4 octets", 0x84, 0xff, 0xff, 0xff, 0xff)
			wrong("of minus one in 8 octets", 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
			wrong("of minus two in 8 octets", 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe)
			wrong("of half of everything", 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
			large := Notice // longer than what surrounds it; of a whole message, a matter of limits
			if i == 0 {
				large = Any
			}
			write("of 16 MiB", large, func(c []byte) []byte { return header(c, 0x83, 0xff, 0xff, 0xff) })
			write("of a 65th KiB", large, func(c []byte) []byte { return header(c, 0x83, 0x01, 0x00, 0x01) })
			write("nothing", Any, func(c []byte) []byte { return header(c, 0) })
			write("one short", Any, func(c []byte) []byte { return header(c, length(max(0, len(c)-1))...) })
			write("one long", Any, func(c []byte) []byte { return header(c, length(len(c)+1)...) })
			write("cut before the content", Any, func(c []byte) []byte { return header(nil, length(len(c))...) })
			for _, octets := range []int{1, 2, 4, 8} {
				b := root.with(at, func(c []byte) []byte { return header(c, longLength(len(c), octets)...) })
				all = append(all, r.like(Lengths, where+fmt.Sprintf("right in %d octets", octets), b))
			}
		}
	}
	return all
}

// truncations end each message after each of its bytes, in each way that a client can end.
func truncations(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		for n := 1; n < len(r.bytes); n++ {
			for end, how := range []string{Finish: "then closed", Reset: "then reset"} {
				if how == "" {
					continue
				}
				c := one(Cut, fmt.Sprintf("%s after %d bytes, %s", r.name, n, how), r.bytes[:n], Any)
				c.End = End(end)
				all = append(all, c)
			}
		}
	}
	return all
}

// Unfinished are messages of which the rest never comes.
func Unfinished(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		for n := 1; n < len(r.bytes); n++ {
			all = append(all, one(Cut, fmt.Sprintf("%s after %d bytes, then nothing", r.name, n), r.bytes[:n], Notice))
		}
	}
	return all
}

// flips turns each bit of each message.
func flips(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		for bit := range 8 * len(r.bytes) {
			b := slices.Clone(r.bytes)
			b[bit/8] ^= 1 << (bit % 8)
			all = append(all, one(Flips, fmt.Sprintf("%s, bit %d", r.name, bit), b, Any))
		}
	}
	return all
}

// tags gives each element of each message other types.
func tags(s *Subject) []Case {
	others := []byte{0x00, 0x01, 0x02, 0x04, 0x05, 0x0a, 0x0c, 0x16, 0x1f, 0x24, 0x30, 0x31, 0x42, 0x60, 0x61, 0x64, 0x78, 0x7f, 0x80, 0x87, 0xa0, 0xa3, 0xa9, 0xbf, 0xff}
	var all []Case
	for _, r := range s.requests() {
		root := parse(r.bytes)
		for i, at := range root.all() {
			for _, tag := range others {
				if tag == at.tag {
					continue
				}
				want := Any
				if i == 0 {
					want = Notice // a message is a SEQUENCE
				}
				b := root.with(at, func(c []byte) []byte { return slices.Concat([]byte{tag}, length(len(c)), c) })
				all = append(all, one(Tags, fmt.Sprintf("%s element %d (%#02x) as %#02x", r.name, i, at.tag, tag), b, want))
			}
		}
		// A request that is none: each tag there is in the place of the operation.
		for tag := range 256 {
			op := root.kids[1]
			b := root.with(op, func(c []byte) []byte { return slices.Concat([]byte{byte(tag)}, length(len(c)), c) })
			all = append(all, one(Tags, fmt.Sprintf("%s as operation %#02x", r.name, tag), b, Any))
		}
	}
	return all
}

// Mutations are n messages with random changes, of a seed.
func Mutations(s *Subject, seed uint64, n int) []Case {
	random := rand.New(rand.NewPCG(seed, 0))
	good := s.requests()
	all := make([]Case, n)
	for i := range all {
		var b []byte
		for range 1 + random.IntN(3) {
			b = append(b, good[random.IntN(len(good))].bytes...)
		}
		for range 1 + random.IntN(6) {
			b = mutate(random, b, good[random.IntN(len(good))].bytes)
		}
		all[i] = one(Random, fmt.Sprintf("seed %d, number %d", seed, i), b, Any)
		all[i].Bound = random.IntN(4) == 0
		if random.IntN(4) == 0 {
			all[i].End = Finish
		}
	}
	return all
}

// mutate makes one change; other is where bytes may come from.
func mutate(random *rand.Rand, b, other []byte) []byte {
	if len(b) == 0 {
		return slices.Clone(other)
	}
	at := random.IntN(len(b))
	switch random.IntN(8) {
	case 0:
		b[at] ^= 1 << random.IntN(8)
	case 1:
		b[at] = byte(random.IntN(256))
	case 2: // a byte that means something
		const telling = "\x00\x01\x02\x04\x0a\x30\x31\x42\x60\x63\x77\x7f\x80\x81\x82\x83\x84\x87\x88\xa0\xa2\xa3\xa4\xa9\xff"
		b[at] = telling[random.IntN(len(telling))]
	case 3:
		b = slices.Delete(b, at, min(len(b), at+1+random.IntN(8)))
	case 4:
		b = slices.Insert(b, at, other[random.IntN(len(other)):]...)
	case 5:
		end := min(len(b), at+random.IntN(40))
		b = slices.Insert(b, at, slices.Clone(b[at:end])...)
	case 6:
		b = b[:at]
	case 7:
		junk := make([]byte, random.IntN(20))
		for i := range junk {
			junk[i] = byte(random.IntN(256))
		}
		b = slices.Insert(b, at, junk...)
	}
	return b
}
