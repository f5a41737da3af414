package main

import "github.com/spf13/cobra"

func newSupportCommand(e *env) *cobra.Command { return &cobra.Command{Use: "support"} }
