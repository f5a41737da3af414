package page

import (
	"github.com/dialtree/dialtree/admin"
)

// A verdict says how a login went in the words of a phone administrator, and what comes next.
type verdict struct {
	Kind  string // a colour: good, warn, bad
	Title text
	What  text
	Next  text
}

// verdictOf explains how a login went. The API's steps say why.
func verdictOf(test *admin.LoginTest) verdict {
	if test.Outcome == "refused" {
		return refusal(test)
	}
	if v, ok := verdicts()[test.Outcome]; ok {
		return v
	}
	return verdict{Kind: "warn", Title: text(test.Outcome), What: text("The steps say what happened.")}
}

func verdicts() map[string]verdict {
	return map[string]verdict{
		"accepted": {"good", text("The login works"), text("Name and password are right."),
			text("If a phone still cannot log in, compare what it sends: the name, the password, the server's address and port. The latest logins show whether it arrives at all.")},
		"unknown_user": {"warn", text("Unknown here"), text("There is no user or device of this name here. The directory was not asked."),
			text("Check the spelling. If the person is new, run the connector that imports the users, or add the user by hand.")},
		"disabled": {"warn", text("The user may not log in"), text("The user is disabled here, or has no login method or no password yet. The directory was not asked."),
			text("Open the user and allow the login, or choose who checks the password.")},
		"throttled": {"warn", text("Kept out after too many failures"), text("There were too many wrong passwords. Nothing was forwarded."),
			text("Find the phone that sends an old password, then reset the user's failures.")},
		"remembered": {"warn", text("Refused from memory"), text("This wrong password was refused a moment ago and is not asked about again."),
			text("Correct the password on the phone, or reset the user's failures and try again.")},
		"unavailable": {"bad", text("Nobody could find out"), text("No server of the directory could answer. This says nothing about the password, and phones are told to try again."),
			text("Look at the step that failed: the address, the network, the certificate, the bind name. Then test the connection of the directory.")},
		"busy": {"bad", text("Too busy to find out"), text("Too many logins are waiting. This says nothing about the password."),
			text("Try again in a minute. If it stays so, the directory is slow: allow it more connections, or look at its servers.")},
	}
}

// tellings say what a client makes of a result code.
var tellings = map[int]text{
	0:  text("logged in"),
	49: text("wrong name or password"),
	51: text("busy, try again later"),
	52: text("not available, try again later"),
	53: text("an empty password is refused"),
}

// refusal tells the ways apart in which a login is refused.
func refusal(test *admin.LoginTest) verdict {
	if v, ok := refusals()[test.Reason]; ok {
		return v
	}
	for _, s := range test.Steps {
		if !s.OK && s.Name == "password" {
			return verdict{"warn", text("Wrong password"), text("The password of this user is kept here, and it is another one."), text("Set a new password on the user's page, and on the phone.")}
		}
	}
	return verdict{"warn", text("Wrong password"), text("The directory refused this name with this password."),
		text("Try it at a computer. If it works there, compare the name that was sent, in the steps below, with the one that the directory knows.")}
}

// refusals explain why a login was refused, by the reason that the API gives.
func refusals() map[string]verdict {
	return map[string]verdict{
		"ad_525": {"warn", text("The directory knows no such person"), text("Active Directory has no account of the name that was sent."),
			text("Check the template of the directory: the step below shows the name that was sent.")},
		"ad_530": {"warn", text("Not at this time"), text("The password is right, but Active Directory lets this account log in only at other hours."),
			text("Change the logon hours of the account in Active Directory.")},
		"ad_531": {"warn", text("Not from here"), text("The password is right, but Active Directory lets this account log in only at certain computers."),
			text("Change “Log on to” of the account in Active Directory.")},
		"ad_532": {"warn", text("The password has expired"), text("The password is right, but too old for Active Directory."),
			text("The person changes it at a computer, then on the phone.")},
		"ad_533": {"warn", text("Disabled in the directory"), text("The password is right, but the account is disabled in Active Directory."),
			text("Enable the account in Active Directory.")},
		"ad_701": {"warn", text("The account has ended"), text("The password is right, but the account is past its end date in Active Directory."),
			text("Change the end date of the account in Active Directory.")},
		"ad_773": {"warn", text("The password must be changed first"), text("The password is right, but Active Directory wants another one at the next logon."),
			text("The person changes it at a computer, then on the phone.")},
		"ad_775": lockedVerdict(),
		"locked": lockedVerdict(),
		"password_expired": {"warn", text("The password has expired"), text("The password is right, but too old for the directory."),
			text("The person changes it at a computer, then on the phone.")},
		"password_must_change": {"warn", text("The password must be changed first"), text("The password is right, but the directory wants another one at the next logon."),
			text("The person changes it at a computer, then on the phone.")},
		"no_such_entry": {"warn", text("The directory knows no such person"), text("The name that was made by the template leads nowhere in the directory."),
			text("Check the template of the directory: the step below shows the name that was sent.")},
		"bad_name": {"warn", text("This name cannot be sent to the directory"), text("It holds something that would make it the name of somebody else, such as @ or a backslash."),
			text("Use the plain login name, or give the directory another template.")},
		"empty_password": {"warn", text("The password is empty"), text("Many directories answer an empty password with success, so it is never forwarded."), text("Type a password.")},
	}
}

func lockedVerdict() verdict {
	return verdict{"bad", text("Locked in the directory"), text("After too many wrong passwords the directory refuses the right one, too."),
		text("Find the device that sends an old password, then unlock the account in the directory, or wait until it unlocks by itself.")}
}
