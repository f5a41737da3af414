package phonesettings

import (
	"slices"
	"strings"

	"github.com/dialtree/dialtree/admin/yamldoc"
)

// A Vendor is a make of phone, softphone or PBX that settings can be written for.
type Vendor struct {
	Name    string     `json:"name"`
	Title   string     `json:"title"`
	Models  string     `json:"models" doc:"What the settings are for, such as a series or a firmware"`
	Aliases []string   `json:"aliases,omitempty" doc:"Other names that are understood"`
	Paste   string     `json:"paste" doc:"Where the settings are pasted"`
	Can     []Security `json:"can" doc:"How it can connect, the safest first"`

	format *format
}

// How a vendor's devices connect, the safest first. An ability whose setting is not
// known is left out: settings that do nothing would be worse than a note.
var (
	anySecurity = []Security{LDAPS, StartTLS, Plain}
	noStartTLS  = []Security{LDAPS, Plain}
	noLDAPS     = []Security{StartTLS, Plain}
	plainOnly   = []Security{Plain}
	neverPlain  = []Security{LDAPS, StartTLS}
)

// List returns every vendor in the order of their names.
func List() []Vendor {
	return []Vendor{
		{"akuvox", "Akuvox", "SP-R series", nil, "the provisioning file (.cfg)", plainOnly, lines},
		{"asterisk", "Asterisk", "res_config_ldap, realtime", nil, "res_ldap.conf, extconfig.conf and the dialplan", noStartTLS, asterisk},
		{"audiocodes", "AudioCodes", "SBC and gateways", nil, "the web page: LDAP settings", noStartTLS, form},
		{"avaya", "Avaya", "J139, J159, J169, J179, J189", []string{"j100"}, "46xxsettings.txt", neverPlain, avaya},
		{"cisco", "Cisco", "MPP firmware: 6800, 7800, 8800, 9800", []string{"cisco-mpp", "mpp"}, "the provisioning file (XML), inside <flat-profile>", anySecurity, xmlText},
		{"cisco-spa", "Cisco and Linksys SPA", "SPA 3xx, 5xx, 9xx", []string{"linksys", "spa"}, "the provisioning file (XML), inside <flat-profile>", plainOnly, xmlText},
		{"escene", "Escene", "phones with an LDAP phonebook", nil, "the web page: Phone Book, LDAP", plainOnly, form},
		{"fanvil", "Fanvil", "X and V series; Swissvoice, Nethesis", []string{"swissvoice", "nethesis"}, "the provisioning file (XML)", anySecurity, xmlText},
		{"freeswitch", "FreeSWITCH", "mod_xml_ldap", nil, "autoload_configs/xml_ldap.conf.xml", noStartTLS, freeswitch},
		{"gigaset", "Gigaset N series", "N510, N610, N670, N870; Unify OpenScape Cordless IP", []string{"gigaset-n", "unify", "openscape"}, "the web page: Settings, Online directories, Corporate", anySecurity, form},
		{"gigaset-maxwell", "Gigaset Maxwell", "Maxwell Basic, 2, 3, 4, 10", []string{"maxwell"}, "the provisioning file (XML)", anySecurity, xmlText},
		{"gonnect", "GOnnect", "desktop client", nil, "its configuration file", noLDAPS, qtINI},
		{"grandstream", "Grandstream GXP and DP", "GXP, DP7xx; P-values", []string{"gxp", "dp"}, "the configuration file (P-values)", noStartTLS, lines},
		{"grandstream-grp", "Grandstream GRP and GXV", "GRP, GXV, WP; names instead of P-values", []string{"grp", "gxv", "wp"}, "the configuration file (XML)", noStartTLS, xmlText},
		{"htek", "Htek", "UC9xx; Tiptel 32xx", []string{"tiptel"}, "the configuration file (P-values)", plainOnly, lines},
		{"jitsi", "Jitsi Desktop", "Jitsi 2", nil, "Options, Advanced, LDAP", noStartTLS, form},
		{"linphone", "Linphone", "desktop and mobile", nil, "linphonerc", noLDAPS, lines},
		{"mitel", "Mitel", "6700, 6800, 6900; Aastra", []string{"aastra"}, "aastra.cfg or startup.cfg", plainOnly, mitel},
		{"other", "Any other phone", "Auerswald, Bria, innovaphone, Konftel and whatever is not listed", []string{"auerswald", "bria", "generic", "innovaphone", "konftel"}, "the phone's LDAP settings", anySecurity, form},
		{"panasonic", "Panasonic", "KX-HDV, KX-TGP, KX-UT, KX-NT", []string{"kx"}, "the configuration file (.cfg)", noStartTLS, quoted},
		{"poly", "Poly", "UC Software: VVX, SoundPoint, Trio, Edge E", []string{"polycom"}, "the configuration file (XML)", noStartTLS, xmlText},
		{"poly-obi", "Poly OBi", "VVX with OBi firmware, Edge B", []string{"obihai", "edge-b"}, "the configuration file (XML), inside <ParameterList>", plainOnly, xmlText},
		{"sangoma", "Sangoma", "S series", nil, "the configuration file (P-values)", plainOnly, lines},
		{"snom", "Snom", "firmware 10.1.27 and later; Gigaset P8xx", []string{"gigaset-p", "gigaset-p8xx"}, "the settings file (XML), inside <phone-settings>", noStartTLS, xmlText},
		{"snom-dect", "Snom DECT", "M series, C520", []string{"c520"}, "the settings file", plainOnly, lines},
		{"snom-old", "Snom, old firmware", "firmware before 10.1.27", nil, "the settings file (XML), inside <phone-settings>", noStartTLS, xmlText},
		{"superfecta", "FreePBX Superfecta", "caller ID lookup", []string{"freepbx"}, "Admin, CID Superfecta, LDAP", plainOnly, form},
		{"telekonnectors", "Telekonnectors", "phones with an LDAP phonebook", nil, "the configuration file (XML), inside <LDAP_Config>", plainOnly, xmlText},
		{"userman", "FreePBX User Manager", "the directory of type OpenLDAP", []string{"freepbx-userman"}, "Admin, User Management, Directories", anySecurity, form},
		{"vtech", "VTech", "VCS754 and the like", []string{"vcs754"}, "the configuration file", plainOnly, lines},
		{"yealink", "Yealink", "T, W, CP, VP and VC series; FlyingVoice", []string{"flyingvoice"}, "the provisioning file (.cfg)", anySecurity, lines},
	}
}

// Find returns the vendor of that name or alias, in any case.
func Find(name string) (Vendor, error) {
	wanted := strings.ToLower(strings.TrimSpace(name))
	var known []string
	for _, v := range List() {
		if v.Name == wanted || slices.Contains(v.Aliases, wanted) {
			return v, nil
		}
		known = append(append(known, v.Name), v.Aliases...)
	}
	return Vendor{}, &UnknownVendorError{Name: name, hint: yamldoc.Suggest(wanted, known)}
}

// An UnknownVendorError is a name that no vendor has.
type UnknownVendorError struct {
	Name string
	hint string
}

// Error suggests the nearest name.
func (e *UnknownVendorError) Error() string {
	return "no settings are known for \"" + e.Name + "\"" + e.hint + "; `dialtree phone` lists all, and \"other\" fits any phone"
}
