package syncer

import "testing"

func TestIsAmount(t *testing.T) {
	tests := map[string]bool{
		"4,9E+11": true, "4.91701E+11": true, "5E+12": true, "4,9e+11": true, "0E+00": true,
		"": false, "491701234567": false, "+49 30 1234": false, "E+11": false, "4,9E+": false, "49,1E+11": false, "4,9,1E+11": false,
		"4,9E+1111": false, "4,9E11": false, "Suite+12": false, "*97": false,
	}
	for text, want := range tests {
		if got := isAmount(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestLostPlus(t *testing.T) {
	denmark := Numbers{Country: "45", International: "00"} // numbers of eight digits, no trunk prefix
	spain := Numbers{Country: "34", International: "00"}
	tests := []struct {
		numbers Numbers
		number  string
		want    bool
	}{
		{germany, "491701234567", true},
		{germany, "49 30 1234567890", true},
		{germany, "43 1 5123456789", true},
		{germany, "+491701234567", false},
		{germany, "00491701234567", false},
		{germany, "01701234567", false},
		{germany, "1234567", false},
		{germany, "30000", false},
		{germany, "*97", false},
		{germany, "9999999999", false},
		{germany, "491701234567 (desk)", false},
		{denmark, "4532123456", true},
		{denmark, "32123456", false},
		{spain, "34612345678", true},
		{spain, "612345678", false},
	}
	for _, tt := range tests {
		if got := tt.numbers.lostPlus(tt.number); got != tt.want {
			t.Errorf("%s in +%s: %v", tt.number, tt.numbers.Country, got)
		}
	}
}

// FuzzSpreadsheet holds that a number which cannot be dialled never counts as one that lost its +, nor one that was written with it.
func FuzzSpreadsheet(f *testing.F) {
	for _, s := range []string{"491701234567", "4,9E+11", "+49 30 1234567", "(49) 30/1234567", "0491701234567", "E+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, number string) {
		lost := germany.lostPlus(number)
		if lost && (!dialable(number) || isAmount(number)) {
			t.Fatalf("%q cannot be dialled, and lost its +", number)
		}
		if lost && germany.lostPlus("+"+number) {
			t.Fatalf("%q lost the + that it has", "+"+number)
		}
	})
}
