package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newPhoneCommand(e *env) *cobra.Command {
	var output string
	var o admin.PhoneOptions
	c := &cobra.Command{
		Use:   "phone [VENDOR]",
		Short: "Print the settings to paste into a phone, softphone or PBX",
		Long: `Phone prints what a phone, softphone or PBX needs to search this server: address, base,
port, TLS, a device's name and the filters, in the words of the vendor, and says why
the filters are as they are and what the vendor cannot do. Without VENDOR it lists
whom it knows; "other" fits any phone.

The phone logs in as a device; that of --device, or the first one. Its secret is
printed with --show-secret only. -o settings prints the settings without the notes.`,
		Example: `  dialtree phone
  dialtree phone yealink --device reception --host ldap.example.com
  dialtree phone snom --phonebook customers --show-secret -o settings > snom.xml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeVendors,
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				vendors, err := client.Phones(c.Context())
				if err != nil {
					return err
				}
				return writeVendors(e, output, vendors)
			}
			sheet, err := client.PhoneSettings(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			return writeSheet(e.stdout, output, sheet)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.Device, "device", "", "`name` of the device to log in as; default the first one")
	flags.StringVar(&o.Host, "host", "", "`name` that phones use for this server; default an address that it listens on, or this machine's name")
	flags.StringVar(&o.Phonebook, "phonebook", "", "search this phonebook alone; default all of them")
	flags.BoolVar(&o.Secret, "show-secret", false, "fill in the device's secret")
	completeFlag(c, "device", complete(e, namesOf("device")))
	completeFlag(c, "phonebook", complete(e, namesOf("phonebook")))
	outputFlag(c, &output, "text", "settings", "json", "yaml")
	return c
}

func completeVendors(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, v := range phonesettings.List() {
			names = append(names, v.Name)
		}
	}
	return beginning(names, begin), cobra.ShellCompDirectiveNoFileComp
}

func writeVendors(e *env, output string, vendors []phonesettings.Vendor) error {
	if isData(output) {
		return writeData(e.stdout, output, vendors)
	}
	rows := make([][]string, len(vendors))
	for i, v := range vendors {
		ways := make([]string, len(v.Can))
		for j, way := range v.Can {
			ways[j] = way.String()
		}
		rows[i] = []string{v.Name, v.Title, v.Models, strings.Join(ways, ", ")}
	}
	return writeTable(e, []string{"VENDOR", "TITLE", "FOR", "CAN USE"}, rows)
}

// writeSheet prints the settings as they are, so that they can be pasted, and below
// them what to know.
func writeSheet(w io.Writer, output string, s *phonesettings.Sheet) error {
	switch output {
	case "json", "yaml":
		return writeData(w, output, s)
	case "settings":
		_, err := io.WriteString(w, s.Text)
		return err
	}
	fmt.Fprintf(w, "%s (%s). Paste this into %s:\n\n%s\nTo know:\n", s.Vendor.Title, s.Vendor.Models, s.Vendor.Paste, s.Text)
	for _, note := range s.Notes {
		fmt.Fprintf(w, "- %s\n", wrapped(terminal.Printable(note), 98, "  "))
	}
	return nil
}

// wrapped breaks a text into lines of at most width characters, where there are
// blanks; further lines begin with indent.
func wrapped(text string, width int, indent string) string {
	var b strings.Builder
	room := width
	for i, word := range strings.Fields(text) {
		length := len([]rune(word))
		switch {
		case i == 0:
		case length+1 > room:
			b.WriteString("\n" + indent)
			room = width
		default:
			b.WriteByte(' ')
			room--
		}
		b.WriteString(word)
		room -= length
	}
	return b.String()
}
