package main

import "testing"

func TestHarmless(t *testing.T) {
	for value, want := range map[string]string{
		"":                      "",
		"Alice":                 "Alice",
		"=1+1":                  "'=1+1",
		"@SUM(A1)":              "'@SUM(A1)",
		"-1":                    "'-1",
		"+49 30 1234":           "+49 30 1234",
		"+49 (0)30/12-34;+4930": "+49 (0)30/12-34;+4930",
		"+1+cmd|' /C calc'!A0":  "'+1+cmd|' /C calc'!A0",
		"++1":                   "'++1",
		"+":                     "'+",
		"\t=1":                  "'\t=1",
		"＝1":                    "'＝1",
		"*97":                   "*97",
		"a=1":                   "a=1",
	} {
		if got := harmless(value); got != want {
			t.Errorf("harmless(%q) = %q, want %q", value, got, want)
		}
	}
}
