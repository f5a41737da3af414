package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	auto  = "auto"
	utf8n = "utf-8"
)

// encodings are the encodings by their name in the configuration, apart from auto and
// utf-8, which is not decoded but checked.
func encodings(name string) (encoding.Encoding, bool) {
	switch name {
	case utf8n:
		return encoding.Nop, true
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), true
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), true
	case "iso-8859-1":
		return charmap.ISO8859_1, true
	case "iso-8859-15":
		return charmap.ISO8859_15, true
	case "windows-1252":
		return charmap.Windows1252, true
	case "cp850":
		return charmap.CodePage850, true
	case "macintosh":
		return charmap.Macintosh, true
	}
	return nil, false
}

// marks are the byte order marks and what they tell.
var marks = [...]struct {
	mark     string
	encoding string
}{
	{"\xEF\xBB\xBF", utf8n},
	{"\xFF\xFE", "utf-16le"},
	{"\xFE\xFF", "utf-16be"},
}

// decoded returns a reader of the file's text in UTF-8, without a byte order mark, and the
// encoding that was found, empty where it was given.
func decoded(r io.ReadSeeker, name string) (text io.Reader, found string, err error) {
	var head [3]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, "", err
	}
	marked, length := "", 0
	for _, m := range marks {
		if bytes.HasPrefix(head[:n], []byte(m.mark)) {
			marked, length = m.encoding, len(m.mark)
			break
		}
	}
	switch {
	case marked != "" && name == auto:
		name, found = marked, marked+", as its byte order mark says"
	case name == auto:
		if name, err = guessEncoding(r, head[:n]); err != nil {
			return nil, "", err
		}
		found = name
		if name != utf8n {
			found += ", because it is not UTF-8"
		}
	case marked != "" && marked != name:
		return nil, "", fmt.Errorf("the file begins with the byte order mark of %s, but encoding is %s: set encoding to %s or auto", marked, name, marked)
	}
	if _, err := r.Seek(int64(length), io.SeekStart); err != nil {
		return nil, "", err
	}
	e, ok := encodings(name)
	if !ok {
		return nil, "", fmt.Errorf("unknown encoding %q", name)
	}
	if name == utf8n {
		return r, found, nil
	}
	if name == "utf-16le" || name == "utf-16be" {
		return e.NewDecoder().Reader(&pairs{r: r}), found, nil
	}
	return e.NewDecoder().Reader(r), found, nil
}

// guessEncoding reads all that follows head and tells UTF-8 from windows-1252. Nearly no text in
// windows-1252 that goes beyond ASCII is valid UTF-8 by chance.
func guessEncoding(r io.Reader, head []byte) (string, error) {
	buf := make([]byte, 64<<10)
	n := copy(buf, head)
	beyond := false // a whole sequence beyond ASCII was there
	for {
		m, err := r.Read(buf[n:])
		n += m
		text := buf[:n]
		for len(text) > 0 {
			if text[0] < utf8.RuneSelf {
				text = text[1:]
				continue
			}
			if !utf8.FullRune(text) {
				break
			}
			c, size := utf8.DecodeRune(text)
			if c == utf8.RuneError && size == 1 {
				return "windows-1252", nil
			}
			beyond = true
			text = text[size:]
		}
		n = copy(buf, text)
		switch {
		case err == io.EOF:
			// What is left is half a sequence: a file in UTF-8 that was cut off, which the
			// reader will say, or a file in windows-1252 whose last letter is its only one beyond ASCII.
			if n > 0 && !beyond {
				return "windows-1252", nil
			}
			return utf8n, nil
		case err != nil:
			return "", err
		}
	}
}

// pairs fails where UTF-16 ends with half a character, which a decoder would pass over.
type pairs struct {
	r   io.Reader
	odd bool
}

func (p *pairs) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.odd = p.odd != (n%2 == 1)
	if err == io.EOF && p.odd {
		return n, errors.New("the file ends with half a character: it is cut off, or it is not UTF-16: set encoding to auto")
	}
	return n, err
}
