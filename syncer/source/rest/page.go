package rest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/syncer/source"
)

var (
	errTooDeep = fmt.Errorf("the JSON is nested more than %d deep: is it the right list?", maxDepth)
	errCutOff  = source.Temporary(errors.New("the JSON ends before it is complete: it was cut off on the way"))
)

// Tokens are the JSON of a page.
type tokens struct{ decoder *json.Decoder }

func newTokens(r io.Reader) *tokens {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\xEF\xBB\xBF" {
		in.Discard(len(mark)) // RFC 8259, section 8.1: a reader may overlook it
	}
	decoder := json.NewDecoder(in)
	decoder.UseNumber() // a telephone number is no quantity
	return &tokens{decoder}
}

func (t *tokens) next() (json.Token, error) {
	token, err := t.decoder.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCutOff
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("the answer is not JSON: %w (at byte %d)", syntax, syntax.Offset)
	}
	return token, err
}

// each visits what is in an object or an array that has begun, up to its end. visit must read the value that begins with
// the token. The key of a value in an array is its place.
func (t *tokens) each(begun json.Delim, visit func(key string, token json.Token) error) error {
	for i := 0; t.decoder.More(); i++ {
		key := ""
		if begun == '[' {
			key = strconv.Itoa(i)
		} else {
			name, err := t.next()
			if err != nil {
				return err
			}
			key, _ = name.(string) // the decoder takes no other
		}
		token, err := t.next()
		if err != nil {
			return err
		}
		if err := visit(key, token); err != nil {
			return err
		}
	}
	_, err := t.next()
	return err
}

// end makes sure that nothing follows the value.
func (t *tokens) end() error {
	switch _, err := t.decoder.Token(); {
	case err == nil:
		return errors.New("the answer is not JSON: something follows its end")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
}

// A target is a place in a page that is looked for.
type target struct {
	rest pointer // the way that is left
	take func(token json.Token, depth int) error
}

// below returns the targets below a key.
func below(targets []target, key string) []target {
	var found []target
	for _, t := range targets {
		if t.rest[0] == key {
			found = append(found, target{t.rest[1:], t.take})
		}
	}
	return found
}

// seek reads one value and has the targets in it taken. What is no target is passed over.
func (t *tokens) seek(targets []target, token json.Token, depth int) error {
	begun, nested := token.(json.Delim)
	if nested && depth > maxDepth {
		return errTooDeep
	}
	for _, target := range targets {
		if len(target.rest) == 0 {
			return target.take(token, depth)
		}
	}
	if !nested {
		return nil
	}
	return t.each(begun, func(key string, token json.Token) error { return t.seek(below(targets, key), token, depth+1) })
}

// A scalar is a text, a number or nothing at a place of a page.
type scalar struct {
	text  string
	found bool
}

// taker notes the value of a place, which must be a text or a number; null and false are nothing.
func (s *scalar) taker(option string) func(json.Token, int) error {
	return func(token json.Token, _ int) error {
		s.found = true
		switch token := token.(type) {
		case nil:
		case string:
			s.text = strings.TrimSpace(token)
		case json.Number:
			s.text = token.String()
		case bool:
			if token {
				return fmt.Errorf("%s leads to true, where a text or a number is needed", option)
			}
		default:
			return fmt.Errorf("%s leads to %s, where a text or a number is needed", option, kindOf(token))
		}
		return nil
	}
}
