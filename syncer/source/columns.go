package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Columns are the names of a source's values, each of which is unique.
type Columns struct {
	names    []string
	index    map[string]int
	repeated []bool
}

// NewColumns makes unique names of a header and says in sentences what it had to decide. Blanks around a name
// are dropped. A column without a name is called by its number. Where a name occurs again, that column gets
// a number, as in "phone 2", so that none is lost.
func NewColumns(header []string) (*Columns, []string) {
	c := &Columns{
		names:    make([]string, len(header)),
		index:    make(map[string]int, 2*len(header)),
		repeated: make([]bool, len(header)),
	}
	var notes []string
	for i, name := range header {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if first, ok := c.index[name]; ok {
			c.repeated[first], c.repeated[i] = true, true
			continue
		}
		c.names[i], c.index[name] = name, i
	}
	// Only now, so that a made-up name never takes one that the source gives.
	for i, name := range header {
		if c.names[i] != "" {
			continue
		}
		name = strings.TrimSpace(name)
		c.names[i] = c.free(name, i)
		c.index[c.names[i]] = i
		if name != "" {
			notes = append(notes, fmt.Sprintf("column %d is called %q because there is another column %q", i+1, c.names[i], name))
		}
	}
	for i, name := range c.names {
		if lower := strings.ToLower(name); lower != name {
			if _, taken := c.index[lower]; !taken {
				c.index[lower] = i
			}
		}
	}
	return c, notes
}

// free makes a name for column i: its number, or the name that others have with a number.
func (c *Columns) free(name string, i int) string {
	made, n := strconv.Itoa(i+1), 2
	if name != "" {
		made = name + " 2"
	}
	for {
		if _, taken := c.index[made]; !taken {
			return made
		}
		n++
		made = strings.TrimSpace(name + " " + strconv.Itoa(n))
		if name == "" {
			made = fmt.Sprintf("%d %d", i+1, n)
		}
	}
}

// Len returns the number of columns.
func (c *Columns) Len() int { return len(c.names) }

// Name returns the name of column i.
func (c *Columns) Name(i int) string { return c.names[i] }

// Names returns all names in the source's order.
func (c *Columns) Names() []string { return slices.Clone(c.names) }

// Index finds a column by its name, or by its name in lower case, since the headers that people write differ in
// case and the names of fields are lower case.
func (c *Columns) Index(name string) (int, bool) {
	i, ok := c.index[name]
	return i, ok
}

// Repeated tells whether the source has several columns of the name that column i had in the source.
func (c *Columns) Repeated(i int) bool { return c.repeated[i] }
