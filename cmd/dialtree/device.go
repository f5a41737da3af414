package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newDeviceCommand(e *env) *cobra.Command {
	return group("device", "Look after the accounts of phones", newDeviceSecretCommand(e))
}

func newDeviceSecretCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "secret NAME",
		Short: "Give a device a new secret and print it, this once",
		Long:  "Secret makes a new secret for a device. The old one ends at once: phones that still have it find nothing until they get the new one.",
		Example: `  dialtree device secret reception
  dialtree phone yealink --device reception --show-secret`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("device")),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			made, err := client.NewDeviceSecret(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stderr, "Device %s has a new secret, shown this once:\n", made.Name)
			fmt.Fprintln(e.stdout, made.Password)
			return nil
		},
	}
}
