// Drives Chromium over the page; tests/page.rs starts it and does what it orders on stdout: one line, one answer line.
// Environment: PAGE (the agent's address), TOKEN, SCREENS (a folder for pictures), PLAYWRIGHT, CHROMIUM.
import assert from 'node:assert/strict';
import {createInterface} from 'node:readline';
import {pathToFileURL} from 'node:url';

const {chromium} = (await import(pathToFileURL(process.env.PLAYWRIGHT).href)).default;
const {PAGE, TOKEN, SCREENS, CHROMIUM} = process.env;
const answers = createInterface({input: process.stdin})[Symbol.asyncIterator]();
async function order(line) {
	console.log(line);
	await answers.next();
}
const deliver = (from, text) => order('deliver ' + JSON.stringify({from, text}));

const browser = await chromium.launch({executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage']});
const wrongs = [];
async function open(options) {
	const context = await browser.newContext({viewport: {width: 1280, height: 900}, locale: 'en-GB', timezoneId: 'Europe/Vilnius', ...options});
	const page = await context.newPage();
	page.setDefaultTimeout(30000);
	page.on('pageerror', error => wrongs.push('script: ' + error.stack));
	// What the server refuses is told as a console error of the network, which the test wants to see happen.
	page.on('console', message => { if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) wrongs.push(message.text()); });
	page.on('request', request => { if (!request.url().startsWith(PAGE) && !request.url().startsWith('data:')) wrongs.push('asks ' + request.url()); });
	return page;
}
const see = (page, text, within = 'body') => page.locator(within).getByText(text, {exact: false}).first().waitFor();

async function signsIn(page) {
	await page.goto(PAGE);
	await page.getByLabel('Token').waitFor();
	assert.equal(await page.locator('#door-error').textContent(), '', 'nobody did anything wrong yet');
	await page.getByLabel('Token').fill('not-the-token');
	await page.getByRole('button', {name: 'Sign in'}).click();
	await see(page, 'That is not the token.');
	assert.ok(await page.locator('#app').isHidden());
	await page.getByLabel('Token').fill(TOKEN);
	await page.keyboard.press('Enter');
	await page.locator('#link', {hasText: 'live'}).waitFor();
	await page.locator('#state', {hasText: 'Ready'}).waitFor();
	assert.equal(await page.evaluate(() => document.cookie + localStorage.length), '0', 'kept for the tab and nowhere else');
}

async function showsTheSignal(page) {
	await page.locator('#chart svg path.trace').waitFor({state: 'attached'});
	assert.match(await page.locator('#level').textContent(), /95dBm RSRP/);
	assert.match(await page.locator('#chart').getAttribute('aria-label'), /RSRP of the day: .95 dBm on average/);
	await page.locator('#chart').focus();
	await page.keyboard.press('ArrowLeft');
	await see(page, ', fair, 4G', '#readout');
	await page.getByRole('button', {name: 'Month'}).click();
	await see(page, 'RSRP of thirty days', '#readout');
	await page.getByRole('button', {name: 'Day'}).click();
	await see(page, 'Sim Mobile', '#facts');
}

async function receivesLive(page) {
	await see(page, 'No messages yet.', '#parties');
	await page.screenshot({path: SCREENS + '/empty.png', fullPage: true});
	await deliver('+37060000001', 'Hello <b>there</b> & "you"');
	await see(page, '+37060000001', '#parties');
	await see(page, 'Hello <b>there</b> & "you"', '#parties');
	assert.equal(await page.locator('#live').textContent(), 'New message from +37060000001');
	await page.locator('#parties .badge', {hasText: '1'}).waitFor();
	assert.match(await page.title(), /^\(1\)/);
	await page.locator('#parties button').first().click();
	await see(page, 'Hello <b>there</b>', '#lines');
	await page.locator('#parties .badge').waitFor({state: 'detached'});
	await deliver('+37060000001', 'second');
	await see(page, 'second', '#lines');
	assert.equal(await page.locator('#lines b').count(), 0, 'text is text');
}

async function sends(page) {
	await page.getByLabel('Message', {exact: true}).fill('Grüße from the page');
	await see(page, '1 part, 141 left', '#cost');
	await page.getByLabel('Message', {exact: true}).fill('Ünïcode 💖'.repeat(10));
	await see(page, '2 parts', '#cost');
	await see(page, 'Unicode', '#cost');
	await page.getByLabel('Message', {exact: true}).fill('Grüße from the page');
	await page.keyboard.press('Control+Enter');
	await page.locator('#lines .mine', {hasText: 'Grüße from the page'}).locator('.delivered').waitFor();
	await see(page, 'Delivered to +37060000001', '#happened');
	await page.getByLabel('Message', {exact: true}).fill('half');
	await page.getByRole('button', {name: 'New', exact: true}).click();
	assert.equal(await page.getByLabel('Message', {exact: true}).inputValue(), '', 'a draft stays with whom it is for');
	await page.getByLabel('To: a number').fill('12a');
	await page.getByLabel('Message', {exact: true}).fill('x');
	await page.getByRole('button', {name: 'Send', exact: true}).click();
	await see(page, 'Not sent: ', '#problem');
	await page.getByLabel('To: a number').fill('+12025550155');
	await page.getByRole('button', {name: 'Send', exact: true}).click();
	await page.locator('#party', {hasText: '+12025550155'}).waitFor();
	page.once('dialog', dialog => dialog.accept());
	await page.locator('#lines .mine .delivered').waitFor();
	await page.locator('#lines .mine').hover();
	await page.locator('#lines .mine').getByRole('button').click();
	await page.locator('#parties button', {hasText: '+12025550155'}).waitFor({state: 'detached'});
}

async function triesAPush(page) {
	await page.getByRole('button', {name: 'Send a trial push to host'}).click();
	await page.locator('#targets [role=status]', {hasNotText: 'on its way'}).waitFor();
	assert.doesNotMatch(await page.locator('#targets').textContent(), /took it/);
}

async function outlivesTheAgent(page) {
	await order('stop');
	await page.locator('#link', {hasText: 'offline'}).waitFor();
	await see(page, 'The agent does not answer. What you see is from', '#banner');
	await page.screenshot({path: SCREENS + '/offline.png', fullPage: true});
	await deliver('+37060000002', 'while it was away');
	await order('start');
	await page.locator('#link', {hasText: 'live'}).waitFor();
	assert.ok(await page.locator('#banner').isHidden());
	await see(page, 'while it was away', '#parties');
	await page.reload();
	await page.locator('#link', {hasText: 'live'}).waitFor();
	assert.ok(await page.locator('#door').isHidden(), 'the tab keeps the token over a reload');
	await page.getByRole('button', {name: 'Sign out'}).click();
	await page.getByLabel('Token').waitFor();
}

// Tall messages, one written from right to left, and a window beside the one in use.
async function keepsItsFrame(page) {
	const behind = answer => page.evaluate(focus => { document.hasFocus = () => focus; window.dispatchEvent(new Event('focus')); }, !answer);
	for (let tall = 0; tall < 3; tall++) await deliver('+37060000004', 'line\n'.repeat(30) + tall);
	await page.locator('#parties button', {hasText: '+37060000004'}).click();
	await see(page, 'line', '#lines');
	await behind(true);
	await deliver('+37060000004', 'مرحبا بك 123.');
	await page.locator('#parties [aria-current] .badge', {hasText: '1'}).waitFor();
	assert.equal(await page.locator('#lines .text').last().evaluate(node => getComputedStyle(node).direction), 'rtl');
	assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= Math.ceil(document.body.getBoundingClientRect().height)), 'nothing below the page');
	await behind(false);
	await page.locator('#parties [aria-current] .badge').waitFor({state: 'detached'});
	// Somebody else was quicker.
	const last = page.locator('#lines .msg', {hasText: '123.'});
	await page.request.delete(PAGE + 'api/v1/messages/' + await last.getAttribute('data-id'), {headers: {Authorization: 'Bearer ' + TOKEN}});
	page.once('dialog', dialog => dialog.accept());
	await last.hover();
	await last.getByRole('button').click();
	await last.waitFor({state: 'detached'});
}

async function isUsableByKeyboard(page) {
	await page.goto(PAGE);
	await page.getByLabel('Token').fill(TOKEN);
	await page.keyboard.press('Enter');
	await page.locator('#parties button').first().waitFor();
	const unnamed = await page.evaluate(() => [...document.querySelectorAll('button,input,textarea,[tabindex]')]
		.filter(node => node.checkVisibility() && !(node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.textContent.trim() || node.labels && node.labels.length))
		.map(node => node.outerHTML));
	assert.deepEqual(unnamed, []);
	await page.locator('#parties button', {hasText: '+37060000002'}).focus();
	await deliver('+37060000003', 'meanwhile');
	await see(page, '+37060000003', '#parties');
	assert.match(await page.evaluate(() => document.activeElement.textContent), /^\+37060000002/, 'the keyboard keeps its place');
	await page.locator('body').focus();
	const reached = new Set();
	for (let presses = 0; presses < 60; presses++) {
		await page.keyboard.press('Tab');
		reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent));
	}
	for (const id of ['month', 'chart', 'new', 'text', 'send', 'signout', 'lines', 'happened']) assert.ok(reached.has(id), id + ' is reached by Tab');
}

// A day and a month as they look after a while, and a few more messages: the pictures are for people to look at.
function lived(route) {
	const step = +new URL(route.request().url()).searchParams.get('step_s') * 1000;
	const end = Math.floor(Date.now() / step) * step, samples = [];
	for (let at = end - (step > 1e6 ? 720 : 288) * step; at <= end; at += step) {
		const part = (end - at) / step;
		if (part > 61 && part < 74 || part > 190 && part < 193 || part > 260) continue;
		const mean = Math.round(-92 - 13 * Math.sin(part / 37) - 5 * Math.sin(part / 7) - (part > 120 && part < 150 ? 9 : 0));
		samples.push([new Date(at).toISOString(), '4G', Math.max(0, Math.min(5, Math.floor((mean + 115) / 10) + 1)), mean, mean - 3 - Math.round(2 * Math.abs(Math.sin(part))), mean + 3]);
	}
	return route.fulfill({json: {step_s: step / 1000, fields: ['at', 'technology', 'bars', 'rsrp_dbm', 'rsrp_dbm_min', 'rsrp_dbm_max'], samples}});
}
async function pictures() {
	await deliver('InternetSMS', 'Your code is 482913. It is valid for ten minutes.');
	await deliver('+37060000001', 'The pump in hall 2 is running again. Pressure 3.1 bar, temperature 41 °C.');
	await deliver('+12025550155', 'Can you call me back about the delivery on Thursday?');
	for (const [name, options, after] of [
		['wide', {}], ['dark', {colorScheme: 'dark'}], ['narrow', {viewport: {width: 360, height: 740}, hasTouch: true}],
		['narrow-thread', {viewport: {width: 360, height: 740}}, page => page.locator('#parties button').nth(1).click()],
		['month', {}, page => page.getByRole('button', {name: 'Month'}).click()],
	]) {
		const page = await open(options);
		await page.route('**/signal/history*', lived);
		await page.goto(PAGE);
		if (name === 'wide') await page.screenshot({path: SCREENS + '/door.png'});
		await page.getByLabel('Token').fill(TOKEN);
		await page.keyboard.press('Enter');
		await page.locator('#parties button', {hasText: '+37060000001'}).waitFor();
		if (!name.startsWith('narrow')) await page.locator('#parties button', {hasText: '+37060000001'}).click();
		if (after) await after(page);
		await page.locator('#chart path.trace').first().waitFor({state: 'attached'});
		if (name === 'wide') await page.getByLabel('Message', {exact: true}).fill('Thank you. I shall look after it tomorrow at eight.');
		await page.waitForTimeout(600);
		const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
		assert.equal(width, 0, name + ': nothing sticks out sideways');
		await page.screenshot({path: SCREENS + '/' + name + '.png', fullPage: true});
		await page.context().close();
	}
}

try {
	const page = await open();
	for (const step of [signsIn, showsTheSignal, receivesLive, sends, triesAPush, keepsItsFrame, outlivesTheAgent, isUsableByKeyboard]) {
		try {
			await step(page);
		} catch (error) {
			await page.screenshot({path: SCREENS + '/failed.png', fullPage: true});
			throw Object.assign(error, {message: step.name + ': ' + error.message});
		}
		console.error(step.name + ': good');
	}
	await pictures();
	assert.deepEqual(wrongs, []);
} finally {
	await browser.close();
}
process.exit(0);
