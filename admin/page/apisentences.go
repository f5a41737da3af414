package page

// apiSentences are what the API says in answer to people, without a name in it: the page can say them in its
// own language. Others come as the API has them.
var apiSentences = []text{
	text("this is not the name and the password of anybody who may sign in"),
	text("too many failed logins of this name or from this address: try again later"),
	text("the password could not be checked: try again later"),
	text("this link was used, or its time is over: make a new one with `dialtree admin link` on the server's machine"),
	text("somebody can sign in by now, so that this link is void: make a new one with `dialtree admin link` on the server's machine"),
	text("your password is the one that you have in the directory: change it there"),
	text("the present password is another one"),
	text("this request was sent by a page of another site"),
	text("nothing was changed: the documents have mistakes"),
	text("the server took too long: try again"),
	text("the server is stopping"),
	text("the source or the store has changed since the plan was shown: nothing was done: look at the new plan with a dry run, then confirm that"),
	text("there is no plan to confirm: look at it with a dry run first"),
	text("there is nothing to confirm: the plan changes nothing"),
	text("nothing was changed: another node changed the content at the same time: try again"),
	text("etcd does not answer"),
	text("etcd has no space left: raise its quota or compact and defragment it, then disarm its alarm"),
	text("etcd refuses this user or this certificate"),
	text("this node is alone: it shares its content with no other node, as its configuration has no section `cluster`"),
}
