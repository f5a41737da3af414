package page

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// A qrCode is a QR code as the path of an SVG: a square for each dark module.
type qrCode struct {
	Size int
	Path string
}

// newQRCode draws a text; nil for none.
func newQRCode(text string) (*qrCode, error) {
	if text == "" {
		return nil, nil
	}
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	code.DisableBorder = true
	modules := code.Bitmap()
	var path strings.Builder
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			start := x
			for x < len(row) && row[x] {
				x++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start, y, x-start, x-start)
		}
	}
	return &qrCode{Size: len(modules), Path: path.String()}, nil
}

// Outer is the size with the quiet zone of four modules around it.
func (c *qrCode) Outer() int { return c.Size + 8 }
