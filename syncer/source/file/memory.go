package file

import (
	"bytes"
	"context"
)

// Memory is a file that was sent here.
func Memory(name string, content []byte) Opener { return &memory{name, content} }

type memory struct {
	name    string
	content []byte
}

func (m *memory) Name() string { return m.name }

func (m *memory) Open(context.Context) (Content, error) {
	return memoryContent{bytes.NewReader(m.content)}, nil
}

type memoryContent struct{ *bytes.Reader }

func (memoryContent) Close() error    { return nil }
func (memoryContent) Notes() []string { return nil }
