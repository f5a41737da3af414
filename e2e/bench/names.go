//go:build linux

package main

// What names of contacts are made of, each list with the frequent ones first.
var (
	givenNames = words(`Michael Thomas Andreas Stefan Christian Peter Anna Martin Sabine Susanne Maria Petra Markus Julia Frank
		Alexander Daniel Claudia Jürgen Andrea Jan Klaus Monika Birgit Katrin Sebastian Nicole Matthias Tobias Bernd Laura Lisa
		Florian Karin Christine Jörg Uwe Ralf Sandra Lena Anja Stefanie Johannes Simon Dirk Wolfgang Christina Ute Gabriele Felix
		Sarah Philipp Hans Heike Angelika Torsten Melanie Barbara Katharina Jens Marie Oliver Lukas Angela Ulrike Kerstin Max Björn
		Silke Manfred Martina Tanja Jonas David Hannah Holger Günter Silvia Eva Sven Volker Marion Sophie Carsten Renate Paul
		Anke Gerhard Elisabeth Helga Rainer Ursula Leon Britta Ingrid Marco Werner Regina Christoph Dieter Kai Vanessa Johanna Heinz
		Robert Annette Nina Patrick Brigitte Elke Fabian Benjamin Mario Tim Helmut Ingo Jutta Doris Judith Harald Emma Jana Norbert
		Anne Marcel Rolf Mia Dennis Nadine Herbert Kathrin Horst Lara Finn Verena Armin Luisa Steffen Simone Karl Bettina Roland Olaf
		Franziska Joachim Yvonne Anette Kurt Miriam Hartmut Gisela Erik Nils Moritz Erika Axel Hannelore Henning Sigrid Rüdiger Antje
		Maike Detlef Thorsten Hildegard Hubert Iris Cornelia Niklas Kirsten Gudrun Lothar Daniela Julian Vera Konrad Dagmar Ludwig
		Mehmet Ayşe Fatma Mustafa Ali Ahmed Mohammed Elif Emre Zeynep Yusuf Hüseyin Piotr Agnieszka Katarzyna Tomasz Krzysztof
		Małgorzata Anna-Lena Karl-Heinz Hans-Peter Marie-Luise Olga Natalia Sergej Dmitri Irina Svetlana Viktor Ivan Elena Tatjana
		John James Mary Emily Oscar William Olivia Jack Siobhán Seán Zoë Chloé François Céline Jean Pierre Amélie René André Luc
		Giovanni Giulia Francesca Luca Matteo Chiara José María Carlos Lucía Javier Íñigo João Inês Ángel Søren Lærke Åsa Göran Björk
		Pekka Aino László Zsófia Jiří Tereza Ioana Andrei Goran Jelena Nikola Ana Priya Rahul Wei Ling Minh Thanh Hiroshi Yuki`)

	surnames = words(`Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein
		Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz Krause Meier Lehmann
		Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert
		Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm
		Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Schulte
		Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Yılmaz Nguyen Kaya Demir
		Nowak Kowalski Wiśniewski Ivanov Petrov Popov Jansen Ernst Lindner Hübner Kramer Franz Beyer Wenzel Barth Kunz Böttcher
		Ebert Paul Schütz Riedel Kurz Hein Sander Schilling Ullrich Reuter Kruse Fiedler Stahl Ott Rieger Hauser Bock Thiel Kern
		Seifert Ulrich Hermann Marx Bach Brunner Blum Walther Pietsch Wirth Moser Heinz Gebhardt Dorn Stark Kirchner Zander Rose
		Förster Bender Geiger Nagel Röder Kühne Schlüter Büchner Thiele Heller Rapp Sievers Zeller Göbel Kaufmann Bartels Hess
		Vetter Rau Kiefer Gruber Reich Steiner Hauck Mohr Noack Lutz Mertens Dreyer Buck Runge Kohl Stoll Kröger Wiegand Opitz
		Herzog Heuer Metz Löffler Freitag Rademacher Strauß Prinz Eder Döring Urban Hammer Linke Geyer Baier Falk Petersen Hansen
		Nielsen Jensen Andersson Smith Jones Taylor Brown O'Brien O’Connor Murphy Kelly Dubois Lefèvre Moreau Bernard García
		Fernández Muñoz Rodríguez López Silva Santos Rossi Ferrari Esposito Bianchi Novák Svoboda Horváth Szabó Popescu Ionescu
		Jovanović Petrović Papadopoulos Öztürk Şahin Çelik Aydın Özdemir Arslan Doğan Kılıç Hassan Ahmad Khan Singh Patel Wang Chen
		Tanaka Suzuki Kim Park Tran Virtanen Mäkinen Korhonen Johansson Lindström`)

	// The rare surnames, a third of all, are one of the first and one of the second.
	surnameStarts = words(`Alten Apfel Bachen Bären Berken Birken Blanken Brachten Breiten Brom Buchen Burg Dachs Dieben Dornen Eber Eichen
		Eisen Elsen Engels Erlen Eschen Falken Feld Finken Flöter Frauen Frei Fried Fürsten Garten Geiers Gersten Gold Grafen Grün
		Güter Hagen Hasel Heiden Hellen Hersch Hinter Hirsch Hohen Holz Hummel Imm Kalten Kammer Kapp Kessel Kirch Kloster Knob Köpp
		Kron Kuchen Kupfer Lammers Lauter Lehn Leuchten Lichten Linden Löwen Lücken Mai Mandel Marken Mehl Mitter Mühl Nessel Nieder
		Nuss Ober Ochsen Oster Pfann Quell Rappen Reben Rehm Reit Ritters Rosen Rot Salz Sand Schön Schwan Seiden Silber Sonnen
		Spiegel Stall Stein Stern Stroh Sturm Süß Tann Teich Teufels Tief Trauten Ufer Unter Vieh Wachen Wald Wasser Weiden Wein Westen
		Wetter Wiesen Wild Winds Wohl Wolken Wunder Zeller Ziegel Zucker Zwick`)
	surnameEnds = words(`bach berg berger brink brück burg dorf egger eisen feld felder fels förster garten gruber haus hausen häuser heim
		heimer hof hofer höfer holz horst huber hütter kamp kämper keller kirch kötter lage leitner lohe macher mann mayer meier
		meister müller nagel ner rath reuter ried roth schläger schmidt stein steiner stock thal thaler tor trop vogel wald walder
		weg wirth`)

	companyWords = words(`Acme Nord Süd West Ost Rhein Main Elbe Weser Isar Alpen Hanse Berliner Hamburger Münchner Kölner Leipziger
		Bau Elektro Metall Stahl Holz Glas Papier Textil Möbel Küchen Fenster Dach Solar Energie Wasser Wärme Klima Sanitär Heizung
		Auto Reifen Fahrrad Logistik Transport Spedition Kurier Druck Medien Verlag Werbe Foto Film Ton Software System Daten
		Netz Cloud Tele Funk Labor Pharma Medizin Dental Optik Pflege Apotheken Tier Garten Blumen Landhandel Mühlen Back Fleisch
		Wein Brau Kaffee Tee Hotel Reise Event Sport Finanz Steuer Immobilien Versicherungs Rechts Beratungs Personal Schulungs`)
	companyTypes = words(`GmbH AG KG e.K. GmbH_&_Co._KG UG OHG mbB eG SE`)
	companyTrade = words(`Technik Service Handel Vertrieb Werke Bau Gruppe Systeme Partner Zentrum Haus Dienste Werkstatt Lösungen`)

	areas = words(`30 40 89 221 69 711 211 231 201 341 421 351 511 911 203 234 202 521 228 251 721 621 821 611 208 209 531 371 2151
		431 391 451 361 6131 761 381 2331 2203 331 6221 4131 5251 7131 8921 9131 3641 2041 4821 5921 8031`)
	mobiles = words(`151 152 157 159 160 162 163 170 171 172 173 174 175 176 177 178 179`)
)
